"""What a user says in the ledger, worked out again from the formats, and what it will not take for its own words."""

import re
from dataclasses import replace
from hashlib import sha256
from itertools import combinations

import pytest
from open_book import DATA, LOG, OPERATOR, RUN, Book, digest, mine, update

import ledger
from fedray.errors import FedrayError
from fedray.layers.end_user import EndUser
from fedray.layers.messages import CommitProof

KEY = ledger.SigningKey.from_seed(b"u" * 32)
USER = EndUser(4, KEY, LOG, RUN)
PARENT = digest("model 0")


def hidden(salt: str, digest: str, round: int = 2) -> str:
    """SHA-256 over the pre-authentication encoding (DSSE v1) of what a commitment is bound to, a line each."""
    kind, text = b"application/vnd.fedray.update.v1", f"{LOG}\n{RUN}\n{round}\n{KEY.who}\n{salt}\n{digest}\n".encode()
    return sha256(b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(text), text)).hexdigest()


def test_a_user_opens_an_account_in_its_name_and_binds_it_to_its_data():
    account, data = USER.register(DATA, mine(4))
    assert (account.body["kind"], account.body["name"], account.body["role"]) == (
        "account.register", "user-4", "end-user",
    )  # fmt: skip
    assert (data.body["kind"], data.body["run"], data.body["examples"]) == ("data.register", RUN, 3)
    for statement in (account, data):
        assert statement.body["who"] == USER.who == KEY.who and statement.body["log"] == LOG
        ledger.check_signature(statement)


def test_other_data_has_another_root_and_the_same_data_the_same():
    roots = [USER.register(DATA, mine(user))[1].body["root"] for user in (4, 4, 5)]
    assert roots[0] == roots[1] != roots[2]


def test_what_is_revealed_makes_the_commitment_and_no_other_salt_does():
    committed, revealed = USER.commit(2, PARENT, update(4, 2), 3), USER.reveal(2, update(4, 2))
    for statement in (committed, revealed):
        ledger.check_signature(statement)
    assert committed.body["commitment"] == hidden(revealed.body["salt"], revealed.body["update"])
    assert committed.body["commitment"] != hidden(USER.salt(3), update(4, 2))
    assert committed.body["commitment"] != hidden(revealed.body["salt"], update(5, 2))
    assert committed.body["commitment"] != hidden(revealed.body["salt"], update(4, 2), round=3)


def test_a_commitment_shows_neither_salt_nor_update():
    said = str(USER.commit(2, PARENT, update(4, 2), 3))
    assert update(4, 2) not in said and USER.salt(2) not in said


def test_salts_differ_between_rounds_users_runs_and_logs_and_are_the_same_after_a_restart():
    others = [
        EndUser(4, ledger.SigningKey.from_seed(b"v" * 32), LOG, RUN),
        EndUser(4, KEY, LOG, "blobs-2"),
        EndUser(4, KEY, "example.org/other", RUN),
    ]
    salts = [USER.salt(1), USER.salt(2), USER.salt(12), *(other.salt(1) for other in others)]
    assert all(re.fullmatch("[0-9a-f]{64}", salt) for salt in salts)
    assert all(one != other for one, other in combinations(salts, 2))
    assert EndUser(4, ledger.SigningKey.from_seed(b"u" * 32), LOG, RUN).salt(1) == USER.salt(1)


@pytest.fixture
def shown(tmp_path) -> tuple[CommitProof, ledger.Checkpoint]:
    """The proof that the ledger has the user's commitment for round 1, and the checkpoint it leads to."""
    book = Book(tmp_path)
    book.tell(*USER.register(DATA, mine(4)))
    book.open_round(1, users=1)
    places = {4: book.tell(USER.commit(1, PARENT, update(4, 1), 3))[0]}
    order = book.order(1, places)
    checkpoint = ledger.open_checkpoint(order.checkpoint, [ledger.log_vkey(LOG, OPERATOR.who)]).checkpoint
    book.log.close()
    return order.commits[4], checkpoint


def test_a_user_recognises_its_own_commitment_under_a_checkpoint(shown):
    USER.check_commit(*shown, 1, update(4, 1))


@pytest.mark.parametrize(
    "spoil",
    [
        lambda proof: replace(proof, path=proof.path[:-1]),
        lambda proof: replace(proof, path=(*proof.path, bytes(32))),
        lambda proof: replace(proof, path=(bytes(32), *proof.path[1:])),
        lambda proof: replace(proof, path=()),
        lambda proof: replace(proof, index=proof.index - 1),
        lambda proof: replace(proof, index=10**9),
        lambda proof: replace(proof, index=-1),
        lambda proof: replace(proof, entry=proof.entry + b" "),
        lambda proof: replace(proof, entry=b""),
    ],
)
def test_a_proof_that_does_not_lead_to_the_checkpoint_is_told_so(shown, spoil):
    proof, checkpoint = shown
    with pytest.raises(FedrayError, match=r"user-4 was shown a wrong proof of its commitment: "):
        USER.check_commit(spoil(proof), checkpoint, 1, update(4, 1))


def test_a_checkpoint_of_another_tree_proves_nothing(shown):
    proof, checkpoint = shown
    for other in (replace(checkpoint, root=bytes(32)), replace(checkpoint, size=checkpoint.size + 1)):
        with pytest.raises(FedrayError, match="wrong proof"):
            USER.check_commit(proof, other, 1, update(4, 1))


@pytest.mark.parametrize(
    ("user", "round", "of"),
    [
        (USER, 2, update(4, 1)),
        (USER, 1, update(4, 2)),
        (EndUser(4, ledger.SigningKey.from_seed(b"v" * 32), LOG, RUN), 1, update(4, 1)),
    ],
    ids=["of another round", "to another update", "of another user"],
)
def test_a_proven_commitment_that_is_not_its_own_is_no_commitment_of_the_user(shown, user, round, of):
    with pytest.raises(FedrayError, match="another commitment than its own in the ledger; nothing is revealed"):
        user.check_commit(*shown, round, of)


def test_a_user_cosigns_under_its_own_name_and_key():
    vkey = USER.cosigner().vkey
    assert (vkey.name, vkey.kind, vkey.who) == ("user-4", 4, KEY.who)
