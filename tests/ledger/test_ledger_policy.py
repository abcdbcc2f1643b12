"""Trust policies: the file format to the letter, and a quorum that counts only what verifies."""

import itertools
import pickle
import time

import pytest

from ledger.checkpoint import Checkpoint, add_signatures, sign_checkpoint
from ledger.cosignature import Cosigner
from ledger.errors import NoQuorum, Refused
from ledger.keys import SigningKey
from ledger.note import NoteSigner, Signature, parse_note
from ledger.policy import Policy
from ledger.vkey import COSIGNATURE, VerifierKey

LOG = NoteSigner("example.com/log", SigningKey.from_seed(b"l" * 32))
NEXT = NoteSigner("example.com/log", SigningKey.from_seed(b"n" * 32))
OTHER = NoteSigner("example.com/other", SigningKey.from_seed(b"o" * 32))
X1, X2, X3, Y1, Y2, Y3 = WITNESSES = [
    Cosigner(f"witness.example/{name}", SigningKey.from_seed(name.encode() * 16))
    for name in ("X1", "X2", "X3", "Y1", "Y2", "Y3")
]
HEAD = Checkpoint("example.com/log", 7, b"r" * 32)
# The example of tlog-policy.md, with keys, blanks and comments filled in.
EXAMPLE = f"""\
log {LOG.vkey}

# the Xs
witness X1 {X1.vkey}
\twitness\tX2   {X2.vkey}\t
witness X3 {X3.vkey} https://x3.example/
group X-witnesses 2 X1 X2 X3

witness Y1 {Y1.vkey}
witness Y2 {Y2.vkey}
witness Y3 {Y3.vkey}
  # café
group Y-witnesses any Y1 Y2 Y3

group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
"""
THREE = f"log {LOG.vkey}\nwitness a {X1.vkey}\nwitness b {X2.vkey}\nwitness c {X3.vkey}\n"


def signed(*cosigners, head=HEAD, by=(LOG,)):
    lines = [cosigner.cosign(head.text(), 1_700_000_000) for cosigner in cosigners]
    return parse_note(add_signatures(sign_checkpoint(head, by), lines))


def met(policy, cosigners):
    try:
        policy.check(signed(*cosigners))
    except NoQuorum:
        return False
    return True


def test_the_example_of_the_specification_is_read():
    policy = Policy.parse(EXAMPLE)
    assert policy.logs == (LOG.vkey,) and policy.quorum == "X-and-Y"
    assert list(policy.witnesses) == ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    assert policy.witnesses["X2"].vkey == X2.vkey and policy.witnesses["X2"].url is None
    assert policy.witnesses["X3"].url == "https://x3.example/"
    assert pickle.loads(pickle.dumps(policy)) == policy == Policy.parse(EXAMPLE.encode())


def test_the_example_needs_two_xs_and_a_y():
    policy = Policy.parse(EXAMPLE)
    for count in range(7):
        for chosen in itertools.combinations(WITNESSES, count):
            xs, ys = len({X1, X2, X3}.intersection(chosen)), len({Y1, Y2, Y3}.intersection(chosen))
            assert met(policy, chosen) == (xs >= 2 and ys >= 1)


@pytest.mark.parametrize(("rule", "needed"), [("any", 1), ("all", 3), ("1", 1), ("2", 2), ("3", 3)])
def test_a_group_needs_as_many_as_its_rule_says(rule, needed):
    policy = Policy.parse(f"{THREE}group g {rule} a b c\nquorum g\n")
    for count in range(4):
        for chosen in itertools.combinations([X1, X2, X3], count):
            assert met(policy, chosen) == (count >= needed)


def test_a_single_witness_can_be_the_quorum():
    policy = Policy.parse(f"{THREE}quorum b\n")
    assert met(policy, [X2]) and not met(policy, [X1, X3])


def test_without_a_quorum_the_log_alone_is_enough():
    for policy in (
        Policy.parse(f"{THREE}quorum none\n"),
        Policy.of_log(LOG.vkey),
        Policy.of_log(str(LOG.vkey)),
    ):
        assert met(policy, []) and met(policy, [X1, Y1])
        with pytest.raises(Refused):
            policy.check(signed(head=Checkpoint("example.com/other", 7, b"r" * 32), by=(OTHER,)))


def test_who_is_missing_is_named():
    policy = Policy.parse(EXAMPLE)
    with pytest.raises(NoQuorum) as caught:
        policy.check(signed(X2))
    assert "example.com/log at size 7" in str(caught.value)
    assert "X-and-Y has 0 of the 2 it needs (missing: X-witnesses, Y-witnesses)" in str(caught.value)
    assert "X-witnesses has 1 of the 2 it needs (missing: X1, X3)" in str(caught.value)
    assert "Y-witnesses has 0 of the 1 it needs (missing: Y1, Y2, Y3)" in str(caught.value)
    with pytest.raises(NoQuorum, match="the witness a has not cosigned"):
        Policy.parse(f"{THREE}quorum a\n").check(signed(X2))


def test_witnesses_cannot_stand_in_for_the_log():
    for by in (NEXT, OTHER):
        note = signed(*WITNESSES, head=Checkpoint(by.vkey.name, 7, b"r" * 32), by=(by,))
        with pytest.raises(Refused, match="no log of the policy"):
            Policy.parse(EXAMPLE).check(note)


def test_a_policy_without_logs_vouches_for_none():
    with pytest.raises(Refused, match="no log of the policy"):
        Policy.parse(f"witness a {X1.vkey}\nquorum a\n").check(signed(X1))
    with pytest.raises(Refused, match="no trusted key"):
        Policy.parse("quorum none\n").check(signed())


def test_a_log_cannot_speak_for_another():
    policy = Policy.parse(f"log {LOG.vkey}\nlog {OTHER.vkey}\nquorum none\n")
    policy.check(signed())
    note = signed()
    forged = type(note)(note.text, (OTHER.sign(note.text),))
    with pytest.raises(Refused, match="no log of the policy"):
        policy.check(forged)


def test_old_and_new_key_of_a_log_are_both_trusted():
    policy = Policy.parse(f"log {LOG.vkey}\nlog {NEXT.vkey}\nquorum none\n")
    for by in ([LOG], [NEXT], [LOG, NEXT]):
        policy.check(signed(by=by))


def test_a_witness_counts_only_when_its_cosignature_verifies():
    policy = Policy.parse(f"{THREE}group g any a b c\nquorum g\n")
    other_head = Checkpoint("example.com/log", 8, b"r" * 32)
    replayed = X1.cosign(other_head.text(), 1_700_000_000)
    note = parse_note(add_signatures(sign_checkpoint(HEAD, [LOG]), [replayed, X2.cosign(HEAD.text(), 1)]))
    with pytest.raises(Refused, match="X1 does not fit"):
        policy.check(note)
    same_name = Cosigner(X1.vkey.name, SigningKey.from_seed(b"z" * 32))
    assert not met(policy, [same_name])
    stranger = Signature(X1.vkey.name, b"\0\0\0\1", bytes(72))
    with pytest.raises(NoQuorum):
        policy.check(parse_note(add_signatures(sign_checkpoint(HEAD, [LOG]), [stranger])))


def test_a_witness_that_cosigned_twice_counts_once():
    policy = Policy.parse(f"{THREE}group g 2 a b c\nquorum g\n")
    note = signed(X1)
    twice = type(note)(note.text, (*note.signatures, X1.cosign(note.text, 1_700_000_001)))
    with pytest.raises(NoQuorum):
        policy.check(twice)


def test_a_bad_log_signature_is_refused_whatever_witnesses_say():
    note = signed(*WITNESSES)
    line = note.signatures[0]
    forged = type(note)(note.text, (Signature(line.name, line.key_id, bytes(64)), *note.signatures[1:]))
    with pytest.raises(Refused, match="does not fit"):
        Policy.parse(EXAMPLE).check(forged)


def test_opening_gives_the_checkpoint():
    data = add_signatures(sign_checkpoint(HEAD, [LOG]), [X1.cosign(HEAD.text(), 1)])
    assert Policy.parse(f"{THREE}quorum a\n").open(data).checkpoint == HEAD
    with pytest.raises(NoQuorum):
        Policy.parse(f"{THREE}quorum b\n").open(data)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no quorum line"),
        (THREE, "no quorum line"),
        (f"{THREE}quorum none", "newline"),
        (f"{THREE}quorum none\nquorum none\n", "line 6"),
        (f"{THREE}quorum\n", "quorum <name>"),
        (f"{THREE}quorum a b\n", "quorum <name>"),
        (f"{THREE}quorum d\n", "nothing above"),
        (f"quorum a\n{THREE}", "nothing above"),
        (f"{THREE}Quorum none\n", "begins no line"),
        (f"{THREE}quorum none # why\n", "quorum <name>"),
        (f"{THREE}quorum none\n".replace("\n", "\r\n"), "control characters"),
        (f"{THREE}quorum none\n\x00", "control characters"),
        (f"{THREE}quorum none\n#\x7f\n", "control characters"),
        (f"{THREE}quorum none\n#\x0c\n", "control characters"),
        (f"{THREE}quorum\u00a0none\n", "begins no line"),
        (f"{THREE}quorum none\u2028\n", "nothing above"),
        ("log\nquorum none\n", "log <vkey>"),
        (f"log {LOG.vkey} https://a b\nquorum none\n", "log <vkey>"),
        (f"log {LOG.vkey}x\nquorum none\n", "line 1"),
        (f"log {LOG.vkey}\nlog {LOG.vkey}\nquorum none\n", "already"),
        (f"witness a\n{THREE}quorum none\n", "witness <name>"),
        (f"witness d {Y1.vkey} https://a b\nquorum none\n", "witness <name>"),
        (f"witness d {LOG.vkey}\nquorum none\n", "0x01"),
        (f"{THREE}witness a {Y1.vkey}\nquorum none\n", "taken"),
        (f"{THREE}witness none {Y1.vkey}\nquorum none\n", "taken"),
        (f"{THREE}witness d {X1.vkey}\nquorum none\n", "already"),
        (f"{THREE}group g any\nquorum none\n", "group <name>"),
        (f"{THREE}group any a b\nquorum none\n", "threshold is 'a'"),
        (f"{THREE}group a any b\nquorum none\n", "taken"),
        (f"{THREE}group none any b\nquorum none\n", "taken"),
        (f"{THREE}group g any none\nquorum none\n", "nothing above"),
        (f"{THREE}group g any g\nquorum none\n", "nothing above"),
        (f"{THREE}group g any h\ngroup h any a\nquorum none\n", "nothing above"),
        (f"{THREE}group g any a a\nquorum none\n", "only once"),
        (f"{THREE}group g any a b\ngroup h any b c\nquorum none\n", "only once"),
        (f"{THREE}group g 0 a b\nquorum none\n", "1 to 2"),
        (f"{THREE}group g 3 a b\nquorum none\n", "1 to 2"),
        (f"{THREE}group g -1 a b\nquorum none\n", "threshold"),
        (f"{THREE}group g 01 a b\nquorum none\n", "threshold"),
        (f"{THREE}group g 0_1 a b\nquorum none\n", "threshold"),
        (f"{THREE}group g ١ a b\nquorum none\n", "threshold"),
        (f"{THREE}group g ALL a b\nquorum none\n", "threshold"),
    ],
)
def test_a_malformed_policy_is_refused(text, complaint):
    with pytest.raises(Refused, match=complaint):
        Policy.parse(text)


def test_the_same_key_under_another_name_is_a_duplicate():
    renamed = VerifierKey("witness.example/renamed", COSIGNATURE, X1.vkey.public)
    with pytest.raises(Refused, match="already"):
        Policy.parse(f"{THREE}witness d {renamed}\nquorum none\n")


def test_names_are_opaque():
    kelvin, no_break = "\u212a", "a\u00a0b"  # the Kelvin sign is not K, and a no-break space parts no items
    text = f"witness K {X1.vkey}\nwitness {kelvin} {X2.vkey}\nwitness {no_break} {X3.vkey}\nquorum {kelvin}\n"
    assert list(Policy.parse(text).witnesses) == ["K", kelvin, no_break]
    latin = b"# caf\xe9\nwitness \xe9 " + str(X1.vkey).encode() + b"\nquorum \xe9\n"
    assert len(Policy.parse(latin).witnesses) == 1


def test_a_deep_policy_is_no_trouble():
    depth = 3000
    chain = "".join(f"group g{level + 1} all g{level}\n" for level in range(depth))
    policy = Policy.parse(f"{THREE}group g0 any a b c\n{chain}quorum g{depth}\n")
    assert met(policy, [X1]) and not met(policy, [])


def test_a_checkpoint_with_three_witnesses_is_checked_at_little_more_than_its_four_signatures():
    policy = Policy.parse(f"{THREE}group g all a b c\nquorum g\n")
    data = add_signatures(sign_checkpoint(HEAD, [LOG]), [w.cosign(HEAD.text(), 1) for w in (X1, X2, X3)])
    note = parse_note(data)
    keys = [LOG.vkey, X1.vkey, X2.vkey, X3.vkey]

    def cpu(work):
        def once():
            start = time.process_time_ns()
            for _ in range(50):
                work()
            return time.process_time_ns() - start

        return min(once() for _ in range(5))

    def signatures_alone():
        for key, line in zip(keys, note.signatures, strict=True):
            key.verify(note.text, line.data)

    assert cpu(lambda: policy.open(data)) < 2.5 * cpu(signatures_alone)
