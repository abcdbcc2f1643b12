"""Participants look before they reveal: at the proof of their commitments, and at what they saw of the ledger before.

The ledger they look at is a real one; signatures and commitments are worked out here again.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from open_book import LOG, OPERATOR, RUN, SECRET, Book, digest, update

import ledger
from fedray.errors import EXIT_IO, StorageError
from fedray.layers.messages import CohortOrder, Revealed, RevealOrder
from ledger.checkpoint import sign_checkpoint
from ledger.note import NoteSigner
from ledger.witness.memory import Memory
from ledger.witness.unrevealed import Unrevealed

USERS = (1, 4)
EVERYBODY = {"user-1", "user-4", "node-0"}


@pytest.fixture
def book(tmp_path):
    book = Book(tmp_path)
    book.open_round(1, users=2)
    yield book
    book.log.close()


def until(condition: Callable[[], object]) -> None:
    """Wait for what a thread of the participants does meanwhile."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def key_of(name: str) -> Ed25519PublicKey:
    who = ledger.SigningKey.derive(SECRET, name).who
    return Ed25519PublicKey.from_public_bytes(bytes.fromhex(who.removeprefix("ed25519:")))


def text_of(checkpoint: bytes) -> bytes:
    """The signed part of a note: all before the empty line, with its newline."""
    return checkpoint[: checkpoint.index(b"\n\n") + 1]


def size_of(checkpoint: bytes) -> int:
    return int(text_of(checkpoint).split(b"\n")[1])


def check_cosigned(revealed: Revealed, checkpoint: bytes, names: set[str]) -> None:
    """Everybody in ``names`` said when it saw the checkpoint (C2SP tlog-cosignature)."""
    assert set(revealed.cosignatures) == names
    for name, line in revealed.cosignatures.items():
        seconds = int.from_bytes(line.data[:8], "big")
        assert abs(seconds - time.time()) < 60
        message = b"cosignature/v1\ntime %d\n" % seconds + text_of(checkpoint)
        key_of(name).verify(line.data[8:], message)  # raises when it does not


def check_nothing_given_away(revealed: Revealed, memory: Path) -> None:
    """No update, no salt, no signature, and as if nothing had been shown."""
    assert revealed.statements == () and revealed.cosignatures == {}
    heads = Memory(memory).heads(EVERYBODY, LOG)
    assert {head.size for head in heads.values()} == {0}


def updates(revealed: Revealed) -> list[str]:
    return [statement.body["update"] for statement in revealed.statements]


def test_all_reveal_and_cosign_once_the_checkpoint_holds_their_commitments(book):
    people = book.participants()
    order = book.order(1, book.commit(people, 1, USERS))
    revealed = people.reveal(order)
    assert updates(revealed) == [update(1, 1), update(4, 1)]
    for statement, user in zip(revealed.statements, USERS, strict=True):
        ledger.check_signature(statement)
        body = statement.body
        assert (body["kind"], body["round"], body["run"]) == ("update.reveal", 1, RUN)
        entry = order.commits[user].entry.decode()
        assert hidden(body["who"], body["salt"], body["update"]) in entry and body["who"] in entry
    check_cosigned(revealed, order.checkpoint, EVERYBODY)
    assert not revealed.objection and revealed.behind == ()


def hidden(who: str, salt: str, digest: str) -> str:
    """SHA-256 over the pre-authentication encoding (DSSE v1) of what is committed to in round 1, a line each."""
    kind, text = b"application/vnd.fedray.update.v1", f"{LOG}\n{RUN}\n1\n{who}\n{salt}\n{digest}\n".encode()
    return sha256(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(text), text)).hexdigest()


def change_proof(order: RevealOrder, user: int = 1, **changes) -> RevealOrder:
    return replace(order, commits=order.commits | {user: replace(order.commits[user], **changes)})


def only(order: RevealOrder, user: int) -> RevealOrder:
    return replace(order, users=(user,), commits={user: order.commits[user]})


def swapped(order: RevealOrder) -> RevealOrder:
    return replace(order, commits={1: order.commits[4], 4: order.commits[1]})


def signed_by_another(order: RevealOrder) -> RevealOrder:
    signer = NoteSigner(LOG, ledger.SigningKey.from_seed(b"x" * 32))
    head = ledger.Checkpoint(LOG, size_of(order.checkpoint), bytes(32))
    return replace(order, checkpoint=sign_checkpoint(head, [signer]))


SPOILED = {
    "a path with another hash": lambda order: change_proof(order, path=(bytes(32), *order.commits[1].path[1:])),
    "a path without its end": lambda order: change_proof(order, user=4, path=order.commits[4].path[:-1]),
    "no path": lambda order: change_proof(order, path=()),
    "another place": lambda order: change_proof(order, index=order.commits[1].index - 1),
    "a place beyond the checkpoint": lambda order: change_proof(order, index=size_of(order.checkpoint)),
    "another entry's bytes": lambda order: change_proof(order, entry=order.commits[4].entry),
    "altered bytes": lambda order: change_proof(order, entry=order.commits[1].entry.replace(b":3,", b":4,")),
    "each other's commitments": swapped,
    "a checkpoint signed by somebody else": signed_by_another,
    "an altered checkpoint": lambda order: replace(order, checkpoint=order.checkpoint.replace(b"\n", b"\n1", 1)),
    "no checkpoint": lambda order: replace(order, checkpoint=b"nothing"),
    "an empty checkpoint": lambda order: replace(order, checkpoint=b""),
}  # fmt: skip


@pytest.mark.parametrize("wrong", SPOILED)
def test_nobody_reveals_or_cosigns_when_shown(book, wrong):
    """One wrong proof is enough: the others of the node learn from it that the server does not keep to its part."""
    people = book.participants()
    order = book.order(1, book.commit(people, 1, USERS))
    spoiled = SPOILED[wrong](order)
    assert spoiled != order
    revealed = people.reveal(spoiled)
    assert revealed.objection and "\n" not in revealed.objection
    check_nothing_given_away(revealed, book.access.memory)
    check_cosigned(people.reveal(order), order.checkpoint, EVERYBODY)  # and it does not hold that against an honest one


def test_the_proof_of_an_earlier_rounds_commitment_is_none_of_this_rounds(book):
    people = book.participants()
    first = book.order(1, book.commit(people, 1, USERS))
    people.reveal(first)
    people.commit(CohortOrder(2, 0, (1,), digest("model 1")), 1, update(1, 2), 3)
    revealed = people.reveal(only(replace(first, round=2), 1))
    assert "another commitment than its own" in revealed.objection and not revealed.statements


def test_whoever_saw_a_fork_objects_and_cosigns_neither_branch_of_it_again(tmp_path):
    honest, forked = Book(tmp_path / "honest"), Book(tmp_path / "forked", models=2)
    memory = honest.access.memory
    people = honest.participants()
    honest.open_round(1, users=2)
    order = honest.order(1, honest.commit(people, 1, USERS))
    assert people.reveal(order).cosignatures
    seen = size_of(order.checkpoint)
    victims = forked.participants(memory=memory)
    forked.open_round(1, users=2)
    places = forked.commit(victims, 1, USERS)
    forked.say(RUN, "algorithm.publish", app="a", code=digest("c"), recipe=digest("r"))
    other = forked.order(1, places, since=[seen])
    assert size_of(other.checkpoint) > seen
    revealed = victims.reveal(other)
    assert f"remembers {LOG} at size {seen}" in revealed.objection and "evidence" in revealed.objection
    assert not revealed.statements and not revealed.cosignatures
    assert {head.size for head in Memory(memory).heads(EVERYBODY, LOG).values()} == {seen}
    honest.log.close(), forked.log.close()


def test_a_ledger_that_was_rolled_back_is_objected_to(tmp_path):
    book = Book(tmp_path)
    book.open_round(1, users=2)
    people = book.participants()
    places = book.commit(people, 1, USERS)
    earlier = book.order(1, places)
    book.say(RUN, "algorithm.publish", app="a", code=digest("c"), recipe=digest("r"))
    later = book.order(1, places)
    assert people.reveal(later).cosignatures
    revealed = people.reveal(earlier)
    assert f"at size {size_of(later.checkpoint)}" in revealed.objection and not revealed.cosignatures
    book.log.close()


def test_one_user_who_saw_a_fork_is_enough_for_nobody_to_sign(tmp_path):
    """All of a node move together or not at all."""
    honest, forked = Book(tmp_path / "honest"), Book(tmp_path / "forked", models=2)
    people = honest.participants()
    for book in (honest, forked):
        book.open_round(1, users=2)
    order = honest.order(1, honest.commit(people, 1, (4,)))
    people.reveal(order)
    newcomers = forked.participants("node-1", memory=honest.access.memory)
    seen = size_of(order.checkpoint)
    places = forked.commit(newcomers, 1, USERS)
    revealed = newcomers.reveal(forked.order(1, places, since=[seen]))
    assert revealed.objection.startswith("user-4 remembers") and not revealed.cosignatures
    heads = Memory(honest.access.memory).heads(["user-1", "node-1"], LOG)
    assert {head.size for head in heads.values()} == {0}
    honest.log.close(), forked.log.close()


def test_sizes_without_a_consistency_proof_are_asked_for_before_anything_is_done(book):
    people = book.participants()
    places = book.commit(people, 1, USERS)
    first = book.order(1, places)
    people.reveal(only(first, 1))  # user-4 sees a later one than user-1
    book.say(RUN, "algorithm.publish", app="a", code=digest("c"), recipe=digest("r"))
    second = book.order(1, places, since=[size_of(first.checkpoint)])
    assert people.reveal(only(second, 4)).cosignatures
    book.say(RUN, "algorithm.publish", app="b", code=digest("c"), recipe=digest("r"))
    third = book.order(1, places)
    lacking = people.reveal(third)
    seen = {size_of(first.checkpoint), size_of(second.checkpoint)}
    assert set(lacking.behind) == seen and not lacking.objection
    assert not lacking.statements and not lacking.cosignatures
    half = people.reveal(book.order(1, places, since=lacking.behind[:1]))
    assert half.behind == lacking.behind[1:] and not half.cosignatures
    whole = people.reveal(book.order(1, places, since=lacking.behind))
    check_cosigned(whole, third.checkpoint, EVERYBODY)


def test_a_wrong_consistency_proof_is_objected_to(book):
    people = book.participants()
    places = book.commit(people, 1, USERS)
    first = book.order(1, places)
    people.reveal(first)
    book.say(RUN, "algorithm.publish", app="a", code=digest("c"), recipe=digest("r"))
    second = book.order(1, places, since=[size_of(first.checkpoint)])
    wrong = {size: (bytes(32), *path[1:]) for size, path in second.consistency.items()}
    assert "does not continue" in people.reveal(replace(second, consistency=wrong)).objection
    assert people.reveal(second).cosignatures


def test_users_with_nothing_to_reveal_cosign_all_the_same(book):
    """At the end of a run the last round's users are asked for nothing else."""
    people = book.participants()
    order = book.order(1, book.commit(people, 1, USERS))
    revealed = people.reveal(replace(order, commits={}))
    assert revealed.statements == ()
    check_cosigned(revealed, order.checkpoint, EVERYBODY)


def test_a_process_that_takes_over_reveals_what_the_dead_one_committed_to(book):
    before = book.participants()
    places = book.commit(before, 1, USERS)
    until(lambda: len(Unrevealed(book.access.memory).of_run(RUN)) == 2)
    del before
    order = book.order(1, places)
    revealed = book.participants().reveal(order)
    assert updates(revealed) == [update(1, 1), update(4, 1)]
    check_cosigned(revealed, order.checkpoint, EVERYBODY)


def test_a_process_that_dies_while_it_answers_does_not_take_the_updates_with_it(book):
    """Its answer may never arrive: whoever takes over is asked again, and says the same."""
    people = book.participants()
    order = book.order(1, book.commit(people, 1, USERS))
    lost = people.reveal(order)
    people.commit(CohortOrder(2, 0, (9,), digest("model 1")), 9, update(9, 2), 3)
    until(lambda: 2 in {kept.round for kept in Unrevealed(book.access.memory).of_run(RUN)})  # and what it wrote before
    again = book.participants().reveal(order)
    assert [statement.body for statement in again.statements] == [statement.body for statement in lost.statements]
    check_cosigned(again, order.checkpoint, EVERYBODY)


def test_who_knows_of_no_commitment_reveals_nothing_but_still_bears_witness(book, tmp_path):
    order = book.order(1, book.commit(book.participants(), 1, USERS))
    revealed = book.participants(memory=tmp_path / "another memory").reveal(order)
    assert revealed.statements == () and not revealed.objection
    check_cosigned(revealed, order.checkpoint, EVERYBODY)


def test_salts_of_earlier_rounds_do_not_stay_on_disk(book):
    people = book.participants()
    order = book.order(1, book.commit(people, 1, USERS))
    book.tell(*people.reveal(order).statements)
    book.say(RUN, "round.close", **closing(order))
    book.open_round(2, users=2)
    people.reveal(book.order(2, book.commit(people, 2, USERS), since=[size_of(order.checkpoint)]))
    until(lambda: {kept.round for kept in Unrevealed(book.access.memory).of_run(RUN)} == {2})
    assert (book.access.memory.stat().st_mode & 0o777) == 0o600


def closing(order: RevealOrder) -> dict[str, ledger.Value]:
    head = ledger.open_checkpoint(order.checkpoint, [ledger.log_vkey(LOG, OPERATOR.who)]).checkpoint
    models = {"parent": digest("model 0"), "model": digest("model 1")}
    counts: dict[str, ledger.Value] = {"round": 1, "updates": 2, "examples": 6, "revealed": 2, "cosignatures": []}
    return models | counts | {"head_size": head.size, "head_root": head.root.hex()}


def test_a_round_that_is_trained_again_is_committed_to_anew(book):
    """A resumed run may go back and train on: what counts is the last word."""
    before = book.participants()
    before.commit(CohortOrder(1, 0, (1,), digest("model 0")), 1, digest("a draft"), 3)
    until(lambda: Unrevealed(book.access.memory).of_run(RUN))
    resumed = book.participants()
    places = book.commit(resumed, 1, USERS)
    until(lambda: {kept.digest for kept in Unrevealed(book.access.memory).of_run(RUN)} == {update(1, 1), update(4, 1)})
    assert updates(book.participants().reveal(book.order(1, places))) == [update(1, 1), update(4, 1)]


def test_a_memory_that_cannot_be_used_is_a_storage_error_and_no_objection(book):
    people = book.participants()
    order = book.order(1, book.commit(people, 1, USERS))
    until(lambda: len(Unrevealed(book.access.memory).of_run(RUN)) == 2)
    book.access.memory.write_bytes(b"garbage" * 1000)
    with pytest.raises(StorageError, match=r"cannot remember what they see of the ledger: .*memory cannot") as failed:
        people.reveal(order)
    assert failed.value.exit_code == EXIT_IO
