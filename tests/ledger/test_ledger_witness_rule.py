"""The rule of a witness: torchwood's published requests, and a log of our own that tries what a log must not."""

import pickle
from base64 import b64decode, b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st
from merkle_reference import synthetic_leaves, tree_hash
from watched_log import WatchedLog
from witness_vector import CASES, LOG_KEY, ORIGIN

from ledger.checkpoint import Checkpoint, parse_checkpoint
from ledger.cosignature import Cosigner, check_cosignature
from ledger.errors import RolledBack
from ledger.keys import SigningKey
from ledger.merkle import EMPTY_ROOT
from ledger.note import ED25519, Note, NoteSigner, VerifierKey, check_note, format_note, parse_note
from ledger.witness.cosigner import Participants, Witness
from ledger.witness.memory import EMPTY, Head, Memory
from ledger.witness.rule import Declined, Request, format_request, judge, open_signed, parse_request

LOG = WatchedLog()
FORK = WatchedLog(fork_at=5)
LOGS = {LOG.origin: [LOG.vkey]}
OTHER = NoteSigner(LOG.origin, SigningKey.from_seed(bytes(32)))
OF_SIZE_3 = Checkpoint(LOG.origin, 3, LOG.root(3))


def status_of(call, *args):
    with pytest.raises(Declined) as refused:
        call(*args)
    return refused.value.status


def head(log, size):
    return Head(size, log.root(size))


@pytest.fixture
def witness(tmp_path):
    cosigner = Cosigner("example.com/witness", SigningKey.from_seed(bytes(range(32))))
    return Witness(cosigner, Memory(tmp_path / "memory"), [LOG.vkey], now=lambda: 1_700_000_000.9)


def test_the_published_key_has_the_key_id_of_the_published_signatures():
    assert VerifierKey(ORIGIN, ED25519, LOG_KEY).key_id == b64decode("UgIomw==")


def test_the_nine_published_requests_get_the_published_answers(tmp_path):
    cosigner = Cosigner("example.com/witness", SigningKey.from_seed(bytes(32)))
    witness = Witness(cosigner, Memory(tmp_path / "memory"), [VerifierKey(ORIGIN, ED25519, LOG_KEY)])
    for case in CASES:
        old, proof, checkpoint = parse_request(case.body)
        if case.status == 200:
            signature = witness.cosign(checkpoint, old, proof)
            check_cosignature(witness.vkey, parse_note(checkpoint).text, signature)
        else:
            with pytest.raises(Declined, match=None if case.status == 409 else case.says) as refused:
                witness.cosign(checkpoint, old, proof)
            assert refused.value.status == case.status
            assert case.status != 409 or f"{refused.value.size}\n" == case.says


@pytest.mark.parametrize("case", CASES)
def test_a_published_request_is_written_as_it_was_read(case):
    assert format_request(parse_request(case.body)) == case.body


GOOD = format_request(Request(3, LOG.proof(3, 7), LOG.checkpoint(7)))
HASH = b64encode(bytes(32))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\n",
        b"old 3",
        b"old 3\n\n",
        GOOD.replace(b"old 3", b"old 03"),
        GOOD.replace(b"old 3", b"old +3"),
        GOOD.replace(b"old 3", b"old 3_0"),
        GOOD.replace(b"old 3", b"old  3"),
        GOOD.replace(b"old 3", b"old 3 "),
        GOOD.replace(b"old 3", b"Old 3"),
        GOOD.replace(b"old 3", b"old -1"),
        GOOD.replace(b"old 3", "old ٣".encode()),
        GOOD.replace(b"old 3", b"old 9223372036854775808"),
        GOOD.replace(b"old 3\n", b"old 3\r\n"),
        GOOD.replace(b"old 3\n", b"old 3\n" + HASH[:-1] + b"\n"),
        GOOD.replace(b"old 3\n", b"old 3\n" + HASH[:-2] + b"B=\n"),
        GOOD.replace(b"old 3\n", b"old 3\n" + b64encode(bytes(31)) + b"\n"),
        GOOD.replace(b"old 3\n", b"old 3\n" + b" " + HASH + b"\n"),
        GOOD.replace(b"old 3\n", b"old 3\n" + (HASH + b"\n") * 64),
    ],
)
def test_a_body_that_deviates_from_the_format_is_a_bad_request(body):
    assert status_of(parse_request, body) == 400


def test_63_proof_lines_are_allowed():
    assert len(parse_request(b"old 3\n" + (HASH + b"\n") * 63 + b"\n" + LOG.checkpoint(7)).proof) == 63


@given(st.binary(max_size=200))
def test_no_bytes_make_reading_a_request_fail_in_another_way(body):
    try:
        assert format_request(parse_request(body)) == body
    except Declined as error:
        assert error.status == 400


@given(st.binary(max_size=200))
def test_no_bytes_make_opening_a_checkpoint_fail_in_another_way(rest):
    assert status_of(open_signed, LOG.origin.encode() + b"\n" + rest, LOGS) in (400, 403)


def test_an_unknown_origin_is_404_whoever_signed():
    assert status_of(open_signed, WatchedLog("example.com/other").checkpoint(3), LOGS) == 404


def test_a_checkpoint_without_a_signature_by_the_log_is_403():
    assert status_of(open_signed, LOG.checkpoint(3, OTHER), LOGS) == 403
    assert status_of(open_signed, OF_SIZE_3.text().encode(), LOGS) == 403


def test_a_bad_signature_by_a_known_key_is_403_even_beside_a_good_one():
    note = parse_note(LOG.checkpoint(3))
    forged = LOG.signer.sign(LOG.checkpoint(4).decode())
    assert status_of(open_signed, format_note(Note(note.text, (*note.signatures, forged))), LOGS) == 403


def test_signatures_by_unknown_keys_are_ignored_and_left_out():
    note = parse_note(LOG.checkpoint(3))
    both = Note(note.text, (OTHER.sign(note.text), *note.signatures, *note.signatures))
    opened = open_signed(format_note(both), LOGS)
    assert opened.note == note and opened.checkpoint == OF_SIZE_3


def test_a_text_that_the_log_signed_but_is_no_checkpoint_is_400():
    text = OF_SIZE_3.text().replace("\n3\n", "\n03\n")
    assert status_of(open_signed, format_note(Note(text, (LOG.signer.sign(text),))), LOGS) == 400


@pytest.mark.parametrize("old", range(10))
@pytest.mark.parametrize("new", range(10))
def test_a_checkpoint_that_continues_the_last_one_is_cosigned_and_one_of_a_fork_is_not(old, new):
    checkpoint = Checkpoint(LOG.origin, new, LOG.root(new))
    if old > new:
        assert status_of(judge, checkpoint, old, (), head(LOG, old)) == 400
        return
    assert judge(checkpoint, old, LOG.proof(old, new), head(LOG, old)) == head(LOG, new)
    if old > 5:
        assert status_of(judge, checkpoint, old, LOG.proof(old, new), head(FORK, old)) == 422


def test_another_old_size_than_the_last_one_is_409_with_that_size():
    for old in (0, 2, 4, 7):
        with pytest.raises(Declined) as refused:
            judge(Checkpoint(LOG.origin, 7, LOG.root(7)), old, LOG.proof(old, 7), head(LOG, 3))
        assert (refused.value.status, refused.value.size) == (409, 3)


def test_a_smaller_checkpoint_than_the_last_one_is_never_cosigned():
    for old in range(4):
        assert status_of(judge, OF_SIZE_3, old, LOG.proof(old, 3), head(LOG, 4)) == 409


def test_the_same_size_again_needs_the_same_root_and_no_proof():
    assert judge(OF_SIZE_3, 3, (), head(LOG, 3)) == head(LOG, 3)
    assert status_of(judge, OF_SIZE_3, 3, (), Head(3, bytes(32))) == 422
    assert status_of(judge, OF_SIZE_3, 3, (bytes(32),), head(LOG, 3)) == 422


def test_an_empty_tree_has_the_empty_root_and_a_first_checkpoint_no_proof():
    assert judge(Checkpoint("x", 0, EMPTY_ROOT), 0, (), EMPTY) == EMPTY
    assert status_of(judge, Checkpoint("x", 0, bytes(32)), 0, (), EMPTY) == 422
    assert status_of(judge, OF_SIZE_3, 0, LOG.proof(2, 3), EMPTY) == 422


@given(st.integers(1, 20), st.integers(1, 20), st.data())
def test_no_changed_proof_passes(old, more, data):
    leaves = synthetic_leaves(old + more)
    proof = list(WatchedLog(size=old + more).proof(old, old + more))
    place = data.draw(st.integers(0, len(proof) - 1))
    proof[place] = bytes([proof[place][0] ^ 1]) + proof[place][1:]
    checkpoint = Checkpoint("x", old + more, tree_hash(leaves))
    assert status_of(judge, checkpoint, old, proof, Head(old, tree_hash(leaves[:old]))) == 422


def test_a_refusal_survives_being_pickled():
    error = pickle.loads(pickle.dumps(Declined(409, "no", 7)))
    assert (error.status, error.reason, error.size, str(error)) == (409, "no", 7, "no")


def test_the_time_in_a_cosignature_is_the_clocks(witness):
    signature = witness.cosign(LOG.checkpoint(3), 0, ())
    assert check_cosignature(witness.vkey, OF_SIZE_3.text(), signature) == 1_700_000_000


def test_the_checkpoint_shown_is_the_last_one_with_both_signatures(witness):
    assert witness.latest(LOG.origin) is None
    signatures = [witness.cosign(LOG.checkpoint(3), 0, ()), witness.cosign(LOG.checkpoint(9), 3, LOG.proof(3, 9))]
    shown = parse_note(witness.latest(LOG.origin))
    assert parse_checkpoint(shown.text).size == 9
    assert set(check_note(shown, [LOG.vkey, witness.vkey])) == {LOG.vkey, witness.vkey}
    assert signatures[1] in shown.signatures and len(shown.signatures) == 2


def test_a_log_that_has_two_keys_may_sign_with_either(tmp_path):
    cosigner = Cosigner("w", SigningKey.from_seed(bytes(32)))
    witness = Witness(cosigner, Memory(tmp_path / "memory"), [LOG.vkey, OTHER.vkey])
    witness.cosign(LOG.checkpoint(3), 0, ())
    witness.cosign(LOG.checkpoint(4, OTHER), 3, LOG.proof(3, 4))


class Interrupted(Memory):
    """Somebody else gets in once, after the heads were read and before they are moved."""

    def __init__(self, path, meanwhile):
        super().__init__(path)
        self.meanwhile = [meanwhile]

    def heads(self, cosigners, origin):
        found = super().heads(cosigners, origin)
        while self.meanwhile:
            self.meanwhile.pop()()
        return found


@pytest.mark.parametrize(("log", "size"), [(LOG, 6), (FORK, 7), (LOG, 9)], ids=["rollback", "fork", "later"])
def test_a_head_that_moves_between_the_check_and_the_record_is_never_taken_back(tmp_path, witness, log, size):
    witness.cosign(LOG.checkpoint(3), 0, ())
    memory = Interrupted(tmp_path / "memory", lambda: witness.cosign(LOG.checkpoint(7), 3, LOG.proof(3, 7)))
    same = Witness(Cosigner("example.com/witness", SigningKey.from_seed(bytes(range(32)))), memory, [LOG.vkey])
    with pytest.raises(Declined) as refused:
        same.cosign(log.checkpoint(size), 3, log.proof(3, size))
    assert (refused.value.status, refused.value.size) == (409, 7)
    assert memory.head("example.com/witness", LOG.origin) == head(LOG, 7)


def test_participants_that_move_between_the_check_and_the_record_are_checked_again(tmp_path, users):
    others = Participants(Memory(tmp_path / "memory"), [LOG.vkey])
    asked = []

    def proof(old):
        asked.append(old)
        return LOG.proof(old, 9)

    memory = Interrupted(tmp_path / "memory", lambda: others.cosign(LOG.checkpoint(7), users[:1], lambda old: ()))
    together = Participants(memory, [LOG.vkey])
    assert len(together.cosign(LOG.checkpoint(9), users, proof)) == 20
    assert asked == [7], "nobody had seen anything at first, then one had"


def test_participants_that_see_more_meanwhile_do_not_cosign_less(tmp_path, users):
    others = Participants(Memory(tmp_path / "memory"), [LOG.vkey])
    memory = Interrupted(tmp_path / "memory", lambda: others.cosign(LOG.checkpoint(7), users[:1], lambda old: ()))
    with pytest.raises(RolledBack, match="user/0 remembers"):
        Participants(memory, [LOG.vkey]).cosign(LOG.checkpoint(6), users, lambda old: ())
    assert memory.head("user/1", LOG.origin) == EMPTY


@pytest.fixture
def users():
    return [Cosigner(f"user/{n}", SigningKey.derive(bytes(32), str(n))) for n in range(20)]


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "memory")


def test_participants_at_different_sizes_cosign_together_and_each_size_is_proved_once(memory, users):
    together, asked = Participants(memory, [LOG.vkey]), []
    together.cosign(LOG.checkpoint(3), users[:5], lambda old: LOG.proof(old, 3))
    together.cosign(LOG.checkpoint(6), users[3:8], lambda old: LOG.proof(old, 6))

    def proof(old):
        asked.append(old)
        return LOG.proof(old, 9)

    signatures = together.cosign(LOG.checkpoint(9), users, proof)
    assert sorted(asked) == [3, 6]
    text = Checkpoint(LOG.origin, 9, LOG.root(9)).text()
    for user in users:
        check_cosignature(user.vkey, text, signatures[user.vkey.name])
    assert set(memory.heads(signatures, LOG.origin).values()) == {head(LOG, 9)}
    again = together.cosign(LOG.checkpoint(9), users, proof)
    assert again.keys() == signatures.keys() and sorted(asked) == [3, 6]


@pytest.mark.parametrize(("bad", "size"), [(FORK, 8), (FORK, 7), (LOG, 6)], ids=["fork", "same size", "rollback"])
def test_one_participant_that_remembers_another_history_stops_all(memory, users, bad, size):
    together = Participants(memory, [LOG.vkey])
    together.cosign(LOG.checkpoint(7), users[7:8], lambda old: ())
    with pytest.raises(RolledBack, match="user/7 remembers"):
        together.cosign(bad.checkpoint(size), users, lambda old: bad.proof(old, size))
    assert [memory.head(user.vkey.name, LOG.origin).size for user in users[6:9]] == [0, 7, 0]


def test_participants_cosign_nothing_that_the_log_did_not_sign(memory, users):
    together = Participants(memory, [LOG.vkey])
    assert status_of(together.cosign, LOG.checkpoint(3, OTHER), users, lambda old: ()) == 403
    assert set(memory.heads([user.vkey.name for user in users], LOG.origin).values()) == {EMPTY}
