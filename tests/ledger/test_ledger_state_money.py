"""Whatever is stated, money is neither made nor lost: random statements against a ledger kept in plain dictionaries."""

import random
from functools import cache

import pytest
from ledger_story import LOG, OPERATOR

from ledger.canonical import Value
from ledger.errors import Refused
from ledger.keys import SigningKey
from ledger.state import State
from ledger.statements import rotation_proof

KEYS = {key.who: key for key in [OPERATOR, *(SigningKey.derive(b"m" * 32, str(number)) for number in range(7))]}
WHO = list(KEYS)
NUMBERED = {"stake", "unstake", "transfer", "account.rotate", "account.revoke"}


@cache
def proof(new: str, old: str) -> str:
    return rotation_proof(KEYS[new], LOG, old)


class Books:
    """Each key's page: balance, stake, nonce and name; a page that moved is gone, a revoked one is mute."""

    def __init__(self, money: dict[str, int]) -> None:
        self.due = {who: amount for who, amount in money.items() if who != OPERATOR.who}
        self.pages = {OPERATOR.who: {"balance": money.get(OPERATOR.who, 0), "stake": 0, "nonce": 0, "name": "operator"}}
        self.gone: set[str] = set()
        self.mute: set[str] = set()
        self.operator = OPERATOR.who
        self.total = sum(money.values())

    def would_take(self, body: dict[str, Value]) -> bool:
        kind, who, amount = body["kind"], body["who"], body.get("amount", 0)
        if kind == "account.register":
            names = {page["name"] for page in self.pages.values()}
            return who not in self.pages and who not in self.gone and body["name"] not in names
        if who not in self.pages or who in self.mute:
            return False
        page, new = self.pages[who], body.get("new")
        if new is not None and (new in self.pages or new in self.gone or new in self.due):
            return False
        if kind == "operator.rotate":
            return who == self.operator
        if body["nonce"] != page["nonce"] + 1:
            return False
        if kind in ("account.rotate", "account.revoke"):
            return who != self.operator
        if kind == "unstake":
            return amount <= page["stake"]
        to = body.get("to")
        fits = to is None or (to in self.pages and to not in self.mute and to != who)
        return fits and amount <= page["balance"]

    def take(self, body: dict[str, Value]) -> None:
        kind, who, amount = body["kind"], body["who"], body.get("amount", 0)
        if kind == "account.register":
            money = self.due.pop(who, 0)
            self.pages[who] = {"balance": money, "stake": 0, "nonce": 0, "name": body["name"]}
            return
        page = self.pages[who]
        page["nonce"] += kind in NUMBERED
        if "new" in body:
            self.pages[body["new"]] = self.pages.pop(who)
            self.gone.add(who)
            self.operator = body["new"] if who == self.operator else self.operator
        elif kind == "account.revoke":
            self.mute.add(who)
        else:
            sign = -1 if kind == "unstake" else 1
            page["balance"] -= sign * amount
            page["stake"] += 0 if kind == "transfer" else sign * amount
            if kind == "transfer":
                self.pages[body["to"]]["balance"] += amount


def genesis(rng: random.Random) -> tuple[dict[str, Value], dict[str, int]]:
    money = {who: rng.randint(1, 50) for who in rng.sample(WHO, rng.randint(2, 6))}
    listed = [{"to": who, "amount": amount} for who, amount in money.items()]
    body = {"kind": "genesis", "log": LOG, "who": OPERATOR.who, "created_by": "x", "quorum": "none"}
    return body | {"allocations": listed}, money


def statement(rng: random.Random, books: Books) -> dict[str, Value]:
    kinds = ["transfer", "stake", "unstake"] * 9 + ["account.register"] * 6
    kind = rng.choice([*kinds, "account.rotate", "account.rotate", "account.revoke", "operator.rotate"])
    who = rng.choice(list(books.pages) if kind != "account.register" and rng.random() < 0.9 else WHO)
    if kind == "operator.rotate" and rng.random() < 0.5:
        who = books.operator
    body: dict[str, Value] = {"kind": kind, "log": LOG, "who": who}
    if kind == "account.register":
        body |= {"name": f"name {rng.randint(0, 20)}", "role": "end-user"}
    if kind in NUMBERED:
        nonce = books.pages[who]["nonce"] if who in books.pages else 0
        body["nonce"] = max(1, nonce + rng.choice([1] * 10 + [0, 2, -1]))
    if kind in ("stake", "unstake", "transfer"):
        body["amount"] = rng.choice([1, 2, 5, 40])
    if kind == "transfer":
        body["to"] = rng.choice(rng.choice([WHO, list(books.pages)]))
    if kind.endswith(".rotate"):
        new = rng.choice(WHO)
        body |= {"new": new, "proof": proof(new, who)}
    return body


def check_books(state: State, books: Books) -> None:
    for who in WHO:
        page = books.pages.get(who, {"balance": books.due.get(who, 0), "stake": 0, "nonce": 0})
        assert (state.balance(who), state.staked(who), state.nonce(who)) == tuple(
            page[name] for name in ("balance", "stake", "nonce")
        )
        assert min(state.balance(who), state.staked(who)) >= 0
    assert sum(state.balance(who) + state.staked(who) for who in WHO) == state.minted == books.total
    assert state.operator == books.operator


def play(seed: int, length: int = 40) -> tuple[int, int]:
    """One random sequence; how many statements were taken and how many refused."""
    rng = random.Random(seed)
    body, money = genesis(rng)
    state, books = State(), Books(money)
    state.apply(body)
    if OPERATOR.who in money:
        assert state.balance(OPERATOR.who) == money[OPERATOR.who]
    taken = 0
    for _ in range(length):
        body = statement(rng, books)
        before, good = state.dump(), books.would_take(body)
        if good:
            state.apply(body)
            books.take(body)
            taken += 1
        else:
            with pytest.raises(Refused):
                state.apply(body)
            assert state.dump() == before
        check_books(state, books)
    assert State.load(state.dump()).root() == state.root()
    return taken, length - taken


def test_money_is_conserved_over_three_hundred_random_sequences():
    taken, refused = map(sum, zip(*(play(seed) for seed in range(300)), strict=True))
    assert min(taken, refused) > 300 * 8  # both sides of the rules were seen


@pytest.mark.slow
def test_money_is_conserved_over_ten_thousand_random_sequences():
    for seed in range(10_000):
        play(seed)
