"""What a run tells its ledger: the code, every user's data and updates, every merge, evaluation and resumption.

The layers sign their own statements; this one puts them in order and hands them to the log's own thread, so that
training never waits for the disk. Rounds are settled one after the other, each in three steps (see settlement).
"""

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path
from typing import Any

import ledger
from fedray import __version__
from fedray.app import App
from fedray.errors import FedrayError, InvalidInput, StorageError
from fedray.layers.messages import CohortResult, Revealed, RevealOrder
from fedray.layers.participants import LedgerAccess
from fedray.run.settlement import MOST_SIGNATURE_LINES, Body, Settlement
from ledger.cosignature import check_cosignature
from ledger.folder import LedgerFolder
from ledger.keyring import KeyRing
from ledger.vkey import cosigner_vkey


class Record:
    """A run's ledger, open for writing by the server."""

    def __init__(self, path: Path, log: ledger.Log, server: ledger.SigningKey, users_secret: bytes) -> None:
        self._folder, self._log, self._server = LedgerFolder(path), log, server
        self._secret = users_secret
        self._run = log.origin  # not the folder's name, which may have changed
        self._names = {account.name: account.who for account in log.state.accounts}
        run = log.state.run(self._run)
        self._with_data = set(run.data) if run else set[str]()
        self._results: dict[int, tuple[int, CohortResult]] = {}
        self._rounds: deque[Settlement] = deque()
        self._said: list[ledger.Statement] = []  # what `_opening` will have recorded
        self._opening: Future[list[ledger.Receipt]] | None = None
        self._shown: Future[ledger.Checkpoint] | None = None  # of the checkpoint that holds what was said
        self._sent: set[int] = set()  # the workers that have the order of the round now being settled
        self._closing: deque[tuple[int, Future[list[ledger.Receipt]]]] = deque()
        self._last_workers: tuple[int, ...] = ()  # that trained the last settled round
        self._wake: Callable[[], None] = lambda: None
        self._saw: dict[str, int] = {}  # name -> size of the checkpoint that this participant cosigned last
        self._written: deque[Future[Any]] = deque()

    @staticmethod
    def open(folder: Path, keys: Path, app: App, recipe: bytes, quorum: str, round: int, model: str) -> "Record":
        """Begin the ledger of a run in ``folder``, or go on with it from ``round``, whose model is ``model``."""
        if round > 0 and not folder.exists():
            raise _unknown(folder, round)
        with _plainly():
            log, server = _log(folder, keys, quorum)
            with ExitStack() as undo:
                undo.callback(log.close)
                record = Record(folder, log, server, _secret(keys / "users.key"))
                record._begin(app, sha256(recipe).hexdigest(), round, model)
                undo.pop_all()
        return record

    def when_published(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called, by another thread, when there may be new `orders`."""
        self._wake = wake

    def access(self, memory: Path) -> LedgerAccess:
        """What nodes and users need to know of the ledger."""
        return LedgerAccess(self._log.origin, self._run, self._server.who, self._secret, memory)

    def is_registered(self, user: int) -> bool:
        """Whether the ledger knows the user's data."""
        return self._names.get(f"user-{user}") in self._with_data

    @property
    def head(self) -> str:
        """Size and root hash (hex) of the newest checkpoint, which stand for all entries."""
        head = self._log.head()
        return f"{head.size}:{head.root.hex()}"

    def receive(self, worker: int, result: CohortResult) -> None:
        """Keep a cohort's statements until its round closes."""
        self._results[result.cohort] = worker, result

    def close_round(self, round: int, parent: str, model: str) -> None:
        """Queue the round for settlement: the server has merged its updates into ``model``."""
        self._rounds.append(Settlement(round, parent, model, self._results))
        self._results = {}
        self._advance()

    def evaluated(self, round: int, model: str, metrics: dict[str, float]) -> None:
        """State what the model of ``round`` reached, as soon as the ledger knows that model."""
        said: Body = {"round": round, "model": model, "metrics": {key: repr(value) for key, value in metrics.items()}}
        for settlement in self._rounds:
            if settlement.number == round:
                settlement.evaluations.append(said)
                return
        self._state("evaluation", **said)

    def orders(self) -> list[tuple[int, RevealOrder]]:
        """What to ask of which workers now."""
        self._advance()
        if not self._rounds or not self._rounds[0].asked:
            return []
        new = {worker: order for worker, order in self._rounds[0].orders.items() if worker not in self._sent}
        self._sent |= new.keys()
        return list(new.items())

    def answered(self, worker: int, revealed: Revealed) -> None:
        """Take in a worker's answer; it is asked again with the proofs it lacked."""
        if not self._rounds:
            self._add_last(worker, revealed)
            return
        current = self._rounds[0]
        if revealed.behind:
            with _plainly():
                current.prove(worker, self._folder.consistency_paths(revealed.behind, current.witnessed()[0]))
        else:
            current.answer(worker, revealed)
        self._sent.discard(worker)
        self._advance()

    def lost(self, worker: int) -> None:
        """A worker died: its replacement is asked what it did not answer."""
        self._sent.discard(worker)

    @property
    def answering(self) -> bool:
        """Whether workers have been asked and have not answered."""
        return bool(self._sent)

    def flush(self) -> None:
        """Wait until all that was said is recorded."""
        with _plainly():
            while self._written:
                self._written.popleft().result()

    def settled(self, round: int) -> bool:
        """Whether the ledger has the closed round, durably."""
        self._advance()
        with _plainly():
            while self._closing and self._closing[0][1].done():
                self._closing.popleft()[1].result()
        waiting = [settlement.number for settlement in self._rounds] + [number for number, _ in self._closing]
        return all(number > round for number in waiting)

    @property
    def unsettled(self) -> bool:
        """Whether a round is on its way."""
        self._advance()
        return bool(self._rounds)

    def wait(self) -> None:
        """Wait until what was said is published, so that its users can be asked."""
        with _plainly():
            self._log.publish().result()

    def saved(self, round: int, model: str) -> None:
        """State that there is a checkpoint of the settled ``round``: a file with the bytes that ``model`` names."""
        self._state("checkpoint.save", round=round, model=model, file=model)

    def close(self, rounds: int, model: str) -> list[tuple[int, RevealOrder]]:
        """State that the run has ended; what to ask of which workers: that those who took part cosign the end.

        All of them, as far as there is room; the workers that trained the last round speak for them.
        """
        self._state("run.close", rounds=rounds, model=model)
        self.flush()
        self.wait()
        head, signed = self._log.published()
        workers = list(self._last_workers)
        self._sent = set(workers)
        users = sorted(int(name.removeprefix("user-")) for name in self._saw if name.startswith("user-"))
        users = users[: MOST_SIGNATURE_LINES - len(workers)]
        shares = {worker: tuple(users[at :: len(workers)]) for at, worker in enumerate(workers)}
        return [
            (worker, RevealOrder(rounds, signed, share, {}, self._proofs(share, head.size)))
            for worker, share in shares.items()
        ]

    def _add_last(self, worker: int, revealed: Revealed) -> None:
        """Add cosignatures to the end of the ledger; the run has ended well without them."""
        self._sent.discard(worker)
        if revealed.objection:
            raise FedrayError(f"A participant objects to the end of the ledger: {revealed.objection}")
        head = self._log.published()[0]
        with _plainly():
            for name, line in revealed.cosignatures.items():
                check_cosignature(cosigner_vkey(name, self._names[name]), head.text(), line)
        self._written.append(self._log.cosign(head.size, list(revealed.cosignatures.values())))

    def release(self) -> None:
        """Finish writing what was said, and give up the ledger's write lock."""
        with _plainly():
            self._log.close()

    def _begin(self, app: App, recipe: str, round: int, model: str) -> None:
        run = self._log.state.run(self._run)
        begun = run is not None and run.last >= 0
        if round > 0 and not begun:
            raise _unknown(self._folder.path, round)
        if run is None or not run.recipe:
            self._state("run.open", recipe=recipe, created_by=f"fedray {__version__}", staleness=0)
        self._state("algorithm.publish", app=app.file.name, code=app.code_digest(), recipe=recipe)
        if begun:
            self._state("run.resume", round=round, model=model)
        else:
            self._state("model.publish", round=0, parent="", model=model)

    def _advance(self) -> None:
        """Take the oldest unsettled round, and those after it, as far as they go without waiting."""
        self._check()
        with _plainly():
            self._settle()

    def _settle(self) -> None:
        while self._rounds:
            current = self._rounds[0]
            if self._opening is None:
                self._open_round(current)
            if not current.asked:
                self._ask(current)
            if not current.asked or current.orders:
                return
            self._close_round(current)

    def _open_round(self, current: Settlement) -> None:
        body, said = current.opening({"account.register": set(self._names.values()), "data.register": self._with_data})
        self._said = [self._sign("round.open", **body), *said]
        for statement in said:
            who = str(statement.body["who"])
            if statement.body["kind"] == "account.register":
                self._names[str(statement.body["name"])] = who
            if statement.body["kind"] == "data.register":
                self._with_data.add(who)
        self._opening = self._log.submit(self._said)  # checked: what a node says must not spoil the ledger
        self._shown = self._log.publish()
        self._shown.add_done_callback(lambda _: self._wake())

    def _ask(self, current: Settlement) -> None:
        assert self._opening is not None and self._shown is not None
        if not self._shown.done():
            return
        places = [receipt.index for receipt in self._opening.result()]
        head, signed = self._log.published()
        if self._shown.result().size <= places[-1]:
            raise ledger.LedgerIOError("its newest entries cannot be published; check the disk, then resume the run.")
        commits = [at for at, said in zip(places, self._said, strict=True) if said.body["kind"] == "update.commit"]
        current.ask(head, signed, self._folder.prove(commits, head.size))
        for worker, order in current.orders.items():
            current.prove(worker, self._proofs(order.users, head.size))

    def _close_round(self, current: Settlement) -> None:
        reveals, body = current.closing(self._names)
        evaluations = [self._sign("evaluation", **said) for said in current.evaluations]
        last = self._log.submit([*reveals, self._sign("round.close", **body), *evaluations])
        self._closing.append((current.number, last))
        self._written += [last, self._log.cosign(*current.witnessed())]
        self._saw |= dict.fromkeys(current.cosignatures, current.witnessed()[0])
        self._last_workers = tuple(current.by_worker())
        self._rounds.popleft()
        self._opening = None
        self._sent.clear()

    def _proofs(self, users: Iterable[int], size: int) -> dict[int, tuple[bytes, ...]]:
        """Consistency proofs from what these users, and all nodes, saw last."""
        names = {f"user-{user}" for user in users} | {name for name in self._saw if name.startswith("node-")}
        seen = {self._saw[name] for name in names & self._saw.keys()} - {size}
        return self._folder.consistency_paths(seen, size)

    def _state(self, kind: str, **fields: ledger.Value) -> None:
        with _plainly():
            self._written.append(self._log.submit([self._sign(kind, **fields)], check=False))

    def _sign(self, kind: str, **fields: ledger.Value) -> ledger.Statement:
        return ledger.sign(self._server, kind, self._log.origin, run=self._run, **fields)

    def _check(self) -> None:
        """Raise what the log's thread has met."""
        with _plainly():
            while self._written and self._written[0].done():
                self._written.popleft().result()
            if self._opening is not None and self._opening.done():
                self._opening.result()


def _unknown(folder: Path, round: int) -> InvalidInput:
    return InvalidInput(
        f"The run stands at round {round}, and its ledger, {folder}, is gone or knows nothing of it; bring back the "
        "run's ledger/ and keys/, or submit a new run."
    )


def _log(folder: Path, keys: Path, quorum: str) -> tuple[ledger.Log, ledger.SigningKey]:
    """The run's log, made at the first call, and its operator's key."""
    origin, ring = folder.resolve().parent.name, KeyRing(keys)
    keys.mkdir(mode=0o700, exist_ok=True)
    if folder.exists():
        log = ledger.Log.open(folder, keys=keys)
        server = ring.key(log.origin)
    else:
        server = ring.key(origin) if ring.key_file(origin).exists() else ledger.SigningKey.generate()
        log = ledger.Log.create(folder, origin, server, keys=keys)
    if log.state.size == 0:
        by = f"fedray {__version__}"
        genesis = ledger.sign(server, "genesis", log.origin, created_by=by, quorum=quorum, allocations=[])
        log.append_now(genesis, check=False)
    return log, server


def _secret(file: Path) -> bytes:
    """From which the keys of simulated users and of nodes derive; made at the first call."""
    if not file.exists():
        ledger.SigningKey.generate().save(file)
    return ledger.SigningKey.load(file).seed


class _plainly:
    """Turns the ledger's own errors into fedray's, so that they end the command with the right exit code."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, ledger.LedgerIOError):
            raise StorageError(f"The run's ledger could not be written: {error}") from error
        if isinstance(error, ledger.LedgerError):
            raise FedrayError(f"The run's ledger cannot go on: {error}") from error
