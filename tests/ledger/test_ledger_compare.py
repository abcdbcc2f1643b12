"""Two heads fit together or they do not, and if not, a file proves it to whoever has the log's key."""

import pytest
from forged_ledger import Forge, chain
from ledger_story import LOG, OPERATOR, SigningKey, genesis, register_account, rotate_operator
from merkle_reference import inclusion

from ledger import Refused
from ledger.compare import compare
from ledger.fork import ForkProof, parse_fork
from ledger.published import PublishedTree
from ledger.receipt import Receipt
from ledger.source import FolderSource
from ledger.verify.heads import Operators
from ledger.vkey import ED25519, VerifierKey

KEYS = (VerifierKey(LOG, ED25519, bytes.fromhex(OPERATOR.who.removeprefix("ed25519:"))),)
STRANGER = SigningKey.from_seed(b"s" * 32)


def _register(number):
    return register_account(SigningKey.derive(b"r" * 32, str(number)), f"registered-{number}")


MAIN = Forge(chain([genesis(), *map(_register, range(600))]))
FORK = Forge(chain([genesis(), *map(_register, range(300)), *map(_register, range(1000, 1300))]))


@pytest.fixture(scope="module")
def trees(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trees")
    return {
        name: PublishedTree(FolderSource(forge.write(folder / name) / "log"))
        for name, forge in (("main", MAIN), ("fork", FORK))
    }


def test_a_head_is_the_same_as_itself(trees):
    verdict = compare(MAIN.checkpoint(300), MAIN.checkpoint(300), KEYS)
    assert (verdict.relation, verdict.exit_code, verdict.proof) == ("same", 0, None)


@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 2), (255, 256), (256, 257), (300, 601), (512, 513), (0, 601)])
def test_a_newer_head_extends_an_older_one_whichever_comes_first(trees, old, new):
    for heads in ((old, new), (new, old)):
        verdict = compare(*(MAIN.checkpoint(size) for size in heads), KEYS, [trees["fork"], trees["main"]])
        assert (verdict.relation, verdict.exit_code) == ("extends", 0)
        assert (verdict.older.size, verdict.newer.size) == (old, new)


@pytest.mark.parametrize(("one", "other"), [(400, 400), (302, 601), (400, 401), (512, 600), (601, 302), (601, 400)])
def test_heads_on_two_branches_are_a_fork_with_a_proof(trees, one, other):
    verdict = compare(MAIN.checkpoint(one), FORK.checkpoint(other), KEYS, trees.values())
    assert (verdict.relation, verdict.exit_code) == ("forked", 3)
    assert verdict.proof is not None
    spelled = verdict.proof.format()
    assert parse_fork(spelled) == verdict.proof
    older, newer = parse_fork(spelled).verify(KEYS)
    assert (older.size, newer.size) == (min(one, other), max(one, other))


def test_before_the_branching_both_branches_extend_the_same_heads(trees):
    for forge in (MAIN, FORK):
        assert compare(MAIN.checkpoint(301), forge.checkpoint(601), KEYS, trees.values()).relation == "extends"


def test_without_the_newer_tree_nobody_can_tell(trees):
    for given in ([], [trees["main"]]):
        verdict = compare(MAIN.checkpoint(300), FORK.checkpoint(601), KEYS, given)
        assert (verdict.relation, verdict.exit_code) == ("unknown", 3)


def test_a_damaged_tree_proves_nothing(tmp_path):
    path = MAIN.write(tmp_path / "damaged")
    (path / "log/tile/0/001").write_bytes(bytes(8192))
    tree = PublishedTree(FolderSource(path / "log"))
    assert compare(MAIN.checkpoint(300), MAIN.checkpoint(601), KEYS, [tree]).relation == "unknown"
    (path / "log/tile/0/001").unlink()
    tree = PublishedTree(FolderSource(path / "log"))
    assert compare(MAIN.checkpoint(300), MAIN.checkpoint(601), KEYS, [tree]).relation == "unknown"


def test_receipts_are_compared_by_their_checkpoints(trees):
    receipt = Receipt(7, tuple(inclusion(7, MAIN.leaves[:400])), MAIN.checkpoint(400)).format()
    assert compare(receipt, MAIN.checkpoint(400), KEYS).relation == "same"
    assert compare(receipt, FORK.checkpoint(400), KEYS).relation == "forked"


def test_heads_by_other_keys_or_of_other_logs_are_refused():
    by_stranger = Forge(MAIN.entries, signers={0: (STRANGER,)}).checkpoint(5)
    other_log = Forge(MAIN.entries, origin="example.org/other")
    with pytest.raises(Refused):
        compare(MAIN.checkpoint(5), by_stranger, KEYS)
    both = (*KEYS, VerifierKey("example.org/other", ED25519, KEYS[0].public))
    with pytest.raises(Refused):
        compare(MAIN.checkpoint(5), other_log.checkpoint(5), both)


def test_heads_that_fit_together_cannot_be_passed_off_as_a_fork(trees):
    path = trees["main"].consistency_path(300, 601)
    for proof in (
        ForkProof(MAIN.checkpoint(300), MAIN.checkpoint(300)),
        ForkProof(MAIN.checkpoint(300), MAIN.checkpoint(601), MAIN.root(300), path),
        ForkProof(MAIN.checkpoint(300), MAIN.checkpoint(601), bytes(32), path),
        ForkProof(MAIN.checkpoint(300), MAIN.checkpoint(601), FORK.root(300), path),
        ForkProof(MAIN.checkpoint(300), MAIN.checkpoint(601)),
        ForkProof(MAIN.checkpoint(601), FORK.checkpoint(302), FORK.root(302), path),
    ):
        with pytest.raises(Refused):
            proof.verify(KEYS)


def test_a_proof_by_other_keys_is_refused():
    proof = ForkProof(MAIN.checkpoint(400), FORK.checkpoint(400))
    with pytest.raises(Refused):
        proof.verify([VerifierKey(LOG, ED25519, bytes.fromhex(STRANGER.who.removeprefix("ed25519:")))])


def test_a_proof_has_one_spelling(trees):
    proof = compare(MAIN.checkpoint(302), FORK.checkpoint(601), KEYS, trees.values()).proof
    assert proof is not None
    good = proof.format()
    first, lengths, *_ = good.split(b"\n")
    for bad in (
        b"",
        good[:-1],
        good + b"\n",
        b"\n" + good,
        good.replace(b"\n", b"\r\n"),
        good.replace(first, b"fedray-ledger-fork/v2"),
        good.replace(lengths, b"0" + lengths),
        good.replace(lengths, lengths.replace(b" ", b"  ")),
        good.replace(lengths, lengths + b" 0"),
        good.replace(lengths, b"1 1"),
        good.replace(b"=\n", b"\n", 1),
        b"\xff" + good,
    ):
        with pytest.raises(Refused):
            parse_fork(bad).verify(KEYS)


def test_a_key_that_was_retired_cannot_frame_the_log():
    statements = [genesis(), *map(_register, range(9)), rotate_operator(STRANGER)]
    after = {0: (OPERATOR,), 11: (OPERATOR, STRANGER), 12: (STRANGER,)}
    good = Forge(chain([*statements, *map(_register, range(10, 14))]), signers=after)
    stolen = Forge(chain([*statements[:10], *map(_register, range(100, 106))]))
    keys = Operators(LOG, [(0, OPERATOR.who), (11, STRANGER.who)])
    for size in (11, 12, 15):
        assert compare(good.checkpoint(size), good.checkpoint(size), [keys]).relation == "same"
        with pytest.raises(Refused):
            compare(good.checkpoint(size), stolen.checkpoint(size), [keys])
    other = Forge(chain([genesis(), *map(_register, range(20, 30))])).checkpoint(10)
    assert compare(good.checkpoint(10), other, [keys]).relation == "forked"
    for size in (12, 15):  # his ledger says that he is the operator
        verdict = compare(good.checkpoint(size), stolen.checkpoint(size), [keys, Operators(LOG, [(0, OPERATOR.who)])])
        assert (verdict.relation, verdict.exit_code, verdict.proof) == ("unknown", 3, None)
