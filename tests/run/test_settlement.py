"""The steps of one round into the ledger, without a ledger: what to append, whom to ask, and what the server says."""

import base64
from dataclasses import replace
from hashlib import sha256

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

import ledger
from fedray.errors import FedrayError
from fedray.layers.messages import CohortResult, Revealed, UserReport
from fedray.run.settlement import Settlement
from ledger.entry import Entry, encode_entry
from ledger.folder import Proved

LOG, RUN = "example.org/log", "blobs-1"
HEAD = ledger.Checkpoint(LOG, 40, sha256(b"root").digest())
SIGNED = b"the signed note"
EXAMPLES = {user: 10 + user for user in range(400)}


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def key(name: str) -> ledger.SigningKey:
    return ledger.SigningKey.derive(b"k" * 32, name)


ACCOUNTS = {name: key(name).who for name in (*(f"user-{user}" for user in range(400)), "node-0", "node-1")}


def account(name: str) -> ledger.Statement:
    return ledger.sign(key(name), "account.register", LOG, name=name, role="node" if name[0] == "n" else "end-user")


def commit(user: int) -> ledger.Statement:
    fields: dict[str, ledger.Value] = {"run": RUN, "round": 3, "parent": digest("model 2")}
    return ledger.sign(
        key(f"user-{user}"), "update.commit", LOG, **fields, commitment=digest(f"{user}"), examples=EXAMPLES[user]
    )


def reveal(user: int) -> ledger.Statement:
    fields: dict[str, ledger.Value] = {"run": RUN, "round": 3, "update": digest("update"), "salt": digest("salt")}
    return ledger.sign(key(f"user-{user}"), "update.reveal", LOG, **fields)


def result(cohort: int, users: tuple[int, ...], said: tuple[ledger.Statement, ...] = ()) -> CohortResult:
    """A cohort whose users say what ``said`` holds for them, and commit."""
    statements = (*said, *(commit(user) for user in users))
    reports = tuple(UserReport(user, EXAMPLES[user], 0.5) for user in users)
    return CohortResult(cohort, np.zeros(1, "f4"), 1.0, reports, 0.1, statements)


def settlement(*cohorts: tuple[int, tuple[int, ...]]) -> Settlement:
    """Round 3, with the workers and users of each cohort."""
    results = {number: (worker, result(number, users)) for number, (worker, users) in enumerate(cohorts)}
    return Settlement(3, digest("model 2"), digest("model 3"), results)


def proved(users: tuple[int, ...]) -> list[Proved]:
    """Commitments as the ledger shows them, each at a place and with a path of its own."""
    return [
        Proved(
            20 + place, encode_entry(Entry(20 + place, digest("before"), 1, commit(user))), (place.to_bytes(32, "big"),)
        )
        for place, user in enumerate(users)
    ]


def cosigned(name: str, time: int = 1_700_000_000) -> ledger.Signature:
    return ledger.Cosigner(name, key(name)).cosign(HEAD.text(), time)


def cosignatures(*names: str) -> dict[str, ledger.Signature]:
    return {name: cosigned(name) for name in names}


def asked(*cohorts: tuple[int, tuple[int, ...]]) -> Settlement:
    """The same once the commitments are on record and the workers are to be asked."""
    made = settlement(*cohorts)
    made.ask(HEAD, SIGNED, proved(tuple(user for _, users in cohorts for user in users)))
    return made


def test_the_server_opens_the_round_with_how_many_were_picked():
    body, _ = settlement((0, (5, 6)), (1, (7,))).opening({})
    assert body == {"round": 3, "parent": digest("model 2"), "users": 3}


def test_accounts_come_first_and_what_was_said_follows_in_the_order_of_the_cohorts():
    """A node may introduce itself with a late cohort, and have trained an early one after that."""
    late, early = result(1, (7,), (account("user-7"), account("node-0"))), result(0, (5, 6), (account("user-5"),))
    round = Settlement(3, digest("model 2"), digest("model 3"), {1: (0, late), 0: (0, early)})
    _, said = round.opening({"account.register": {ACCOUNTS["user-6"]}})
    named = [body.get("name") or body["commitment"] for body in (statement.body for statement in said)]
    assert named == ["user-5", "user-7", "node-0", digest("5"), digest("6"), digest("7")]


def test_an_account_is_opened_once_whoever_asks_for_it_again():
    twice = {number: (0, result(number, (number,), (account("node-0"),))) for number in (0, 1)}
    for known, expected in (({}, ["node-0"]), ({"account.register": {ACCOUNTS["node-0"]}}, [])):
        _, said = Settlement(3, digest("model 2"), digest("model 3"), twice).opening(known)
        assert [one.body["name"] for one in said if one.body["kind"] == "account.register"] == expected


def test_each_worker_is_asked_once_for_all_users_it_trained_with_the_proof_of_each():
    round = asked((0, (5, 6)), (1, (7,)), (0, (8,)))
    assert set(round.orders) == {0, 1}
    assert round.orders[0].users == (5, 6, 8) and round.orders[1].users == (7,)
    assert round.by_worker() == {0: (5, 6, 8), 1: (7,)}
    expected = dict(zip((5, 6, 7, 8), proved((5, 6, 7, 8)), strict=True))
    for order in round.orders.values():
        assert (order.round, order.checkpoint) == (3, SIGNED)
        for user, proof in order.commits.items():
            assert (proof.index, proof.entry, proof.path) == expected[user]


def test_nobody_is_asked_before_the_commitments_are_on_record():
    round = settlement((0, (5,)))
    assert not round.asked and not round.orders
    round.ask(HEAD, SIGNED, proved((5,)))
    assert round.asked


def test_a_worker_that_has_answered_is_not_asked_again():
    round = asked((0, (5,)), (1, (7,)))
    round.answer(1, Revealed((reveal(7),), cosignatures("user-7")))
    assert set(round.orders) == {0}


def test_proofs_are_added_to_those_an_order_has():
    round = asked((0, (5,)), (1, (7,)))
    before = round.orders[1]
    round.prove(0, {10: (bytes(32),)})
    order = round.prove(0, {20: ()})
    assert order.consistency == {10: (bytes(32),), 20: ()} and order == round.orders[0]
    assert order.commits and round.orders[1] == before


def test_an_objection_stops_the_run_in_a_sentence_with_the_round():
    round = asked((0, (5,)))
    with pytest.raises(FedrayError, match=r"^A participant objects to the ledger in round 3: it is another one\.$"):
        round.answer(0, Revealed(objection="it is another one."))


def test_the_round_closes_over_what_was_committed_and_what_was_revealed():
    round = asked((0, (5, 6)), (1, (7,)))
    round.answer(1, Revealed((reveal(7),), cosignatures("user-7", "node-1")))
    round.answer(0, Revealed((reveal(5),), cosignatures("user-5", "user-6", "node-0")))  # user 6 reveals nothing
    reveals, body = round.closing(ACCOUNTS)
    assert [statement.body["who"] for statement in reveals] == [ACCOUNTS["user-7"], ACCOUNTS["user-5"]]
    assert (body["updates"], body["revealed"], body["examples"]) == (3, 2, EXAMPLES[5] + EXAMPLES[6] + EXAMPLES[7])
    assert (body["round"], body["parent"], body["model"]) == (3, digest("model 2"), digest("model 3"))
    assert (body["head_size"], body["head_root"]) == (40, digest("root"))


def test_cosignatures_are_carried_so_that_anyone_can_check_them():
    round = asked((0, (5,)))
    round.answer(0, Revealed((), {"user-5": cosigned("user-5", time=12345), "node-0": cosigned("node-0")}))
    _, body = round.closing(ACCOUNTS)
    assert [said["who"] for said in body["cosignatures"]] == [ACCOUNTS["user-5"], ACCOUNTS["node-0"]]
    root = base64.b64encode(sha256(b"root").digest()).decode()
    for said, time in zip(body["cosignatures"], (12345, 1_700_000_000), strict=True):
        assert said["time"] == time
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(said["who"].removeprefix("ed25519:")))
        message = f"cosignature/v1\ntime {time}\n{LOG}\n40\n{root}\n"
        public.verify(base64.b64decode(said["sig"]), message.encode())


def test_when_there_is_no_room_for_all_cosignatures_users_go_before_nodes():
    users = tuple(range(300))
    round = asked((0, users))
    round.answer(0, Revealed((), cosignatures("node-0", *(f"user-{user}" for user in users))))
    _, body = round.closing(ACCOUNTS)
    who = {said["who"] for said in body["cosignatures"]}
    assert len(who) == len(body["cosignatures"]) == 250 and ACCOUNTS["node-0"] not in who
    statement = ledger.sign(key("node-0"), "round.close", LOG, **body, run=RUN)
    assert len(encode_entry(Entry(2**40, digest("before"), 2**41, statement))) < 65536


def test_a_note_gets_as_many_cosignatures_as_it_has_room_for():
    """Readers of notes give up at a hundred lines (C2SP signed-note); the log's own are among them."""
    users = tuple(range(300))
    round = asked((0, users))
    round.answer(0, Revealed((), cosignatures(*(f"user-{user}" for user in users))))
    size, lines = round.witnessed()
    assert size == 40 and 16 <= len(lines) < 98
    assert set(lines) <= set(round.cosignatures.values())


def test_an_order_that_was_handed_out_is_not_changed_afterwards():
    round = asked((0, (5,)))
    handed_out = round.orders[0]
    kept = replace(handed_out)
    round.prove(0, {10: ()})
    assert handed_out == kept
