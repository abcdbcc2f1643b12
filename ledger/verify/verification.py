"""One verification: the published checkpoint, every bundle in order, and every signed head that bears on them.

It stops at the first bad entry or file, for what follows rests on it; heads that somebody remembers are all looked at.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ledger.errors import LedgerError, NotALedger, Refused, Tampered
from ledger.keyring import KeyRing
from ledger.policy import Policy
from ledger.source import Source
from ledger.tiles import TILE_WIDTH
from ledger.verify.bundles import Job
from ledger.verify.checkpoints import Checkpoints
from ledger.verify.files import Files
from ledger.verify.gaps import Seen, cosignatures, gaps
from ledger.verify.heads import History, Remembered, reason
from ledger.verify.jobs import check_all
from ledger.verify.replay import Replay, Watch
from ledger.verify.report import Report


@dataclass(frozen=True)
class Options:
    """See ledger.verify."""

    policy: Policy | None = None
    since: bytes | None = None
    keys: str | Path | None = None
    fast: bool = False
    jobs: int = 1
    foreign: bool = False


class Verification:
    """Verifies one log once; `replay` then holds what its entries come to, as far as they are good."""

    def __init__(self, source: Source, folder: Path | None, options: Options, watch: Watch | None = None) -> None:
        self._source, self._folder, self._options, self._watch = source, folder, options, watch
        self.replay = Replay("", watch)
        self._remembered: list[Remembered] = []
        self._newest: Remembered | None = None
        self._heads: Checkpoints | None = None
        self._files: Files | None = None

    def run(self) -> Report:
        """The report; raises as ledger.verify does."""
        if self._options.since is not None:
            self._remembered.append(Remembered.read("the head you gave", self._options.since))
        bad: tuple[LedgerError, ...] = ()
        try:
            self._newest = self._open()
            self.replay = Replay(self._newest.checkpoint.origin, self._watch)
            self._check(self._newest)
        except Tampered as problem:
            bad = (problem,)
        return self._report(bad)

    def _open(self) -> Remembered:
        """The newest checkpoint; what the key folder remembers of its log joins what was given."""
        newest = self._read_checkpoint()
        origin = newest.checkpoint.origin
        for given in self._remembered:
            if given.checkpoint.origin != origin:
                raise Refused(f"{given.name} is of {given.checkpoint.origin}, not of {origin}; give one of this log.")
        ring = KeyRing(self._options.keys)
        head = ring.head(origin)
        if head is not None:
            try:
                self._remembered.append(Remembered.read(f"the head in the key folder {ring.folder}", head))
            except Refused as error:
                raise Tampered(f"the head of {origin} in {ring.folder}", reason(error)) from error
            newest = self._read_checkpoint()  # a writer at work may since have published what it had just signed
        return newest

    def _read_checkpoint(self) -> Remembered:
        data = self._source.read("checkpoint")
        if data is None and self._folder is None:
            raise NotALedger("there is no checkpoint; give the address under which log/checkpoint can be found.")
        try:
            newest = Remembered.read("log/checkpoint", data or b"")
        except Refused as error:
            raise Tampered("log/checkpoint", reason(error) if data else "the file is missing") from error
        if newest.receipt or (newest.checkpoint.extensions and not self._options.foreign):
            raise Tampered("log/checkpoint", "it is more than the checkpoint of a ledger")
        return newest

    def _check(self, newest: Remembered) -> None:
        options = self._options
        files = self._files = Files(self._source, newest.checkpoint.size, foreign=options.foreign)
        heads = self._heads = Checkpoints(self.replay, newest, History(self._folder), not options.fast)
        heads.remember(self._remembered)
        heads.check_due()
        for found in check_all(self._source, self._jobs(files, newest), options.jobs):
            self.replay.take(found)
            heads.check_due()
        heads.check_newest(options.policy, own_key=not options.foreign)
        files.check_upper(self.replay.tree)
        heads.check_ahead(self._remembered, self._source, self._folder)

    def _jobs(self, files: Files, newest: Remembered) -> Iterator[Job]:
        size, origin, options = newest.checkpoint.size, newest.checkpoint.origin, self._options
        for index in range((size + TILE_WIDTH - 1) // TILE_WIDTH):
            width = min(TILE_WIDTH, size - index * TILE_WIDTH)
            of_bundle = files.of_bundle(index, width)
            yield Job(origin, index, width, of_bundle, not options.foreign, not (options.fast or options.foreign))

    def _report(self, bad: tuple[LedgerError, ...]) -> Report:
        newest, heads, files, options = self._newest, self._heads, self._files, self._options
        if newest is None:
            return Report(problems=bad)
        origin, size, root = newest.checkpoint.origin, newest.checkpoint.size, newest.checkpoint.root.hex()
        if heads is None or files is None:
            return Report(origin, size, root, problems=bad)
        pinned, policy = heads.agreed, options.policy
        seen = Seen(newest, pinned, policy, heads.has_quorum, options.fast, options.foreign, files.listed)
        return Report(
            origin,
            size,
            root,
            kinds=dict(sorted(self.replay.kinds.items())),
            participants=len(self.replay.speakers) if options.fast else len(self.replay.state.accounts),
            checkpoints=heads.count,
            cosigned=len(cosignatures(newest.note, policy)) if policy else 0,
            problems=(*bad, *heads.problems),
            not_ruled_out=tuple(gaps(seen)),
            notes=(*heads.notes, *files.notes()),
        )
