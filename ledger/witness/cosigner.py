"""Who cosigns: a witness (C2SP tlog-witness), or all the participants that live in this process, at once."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from ledger.checkpoint import Checkpoint
from ledger.cosignature import Cosigner
from ledger.errors import RolledBack
from ledger.note import Note, Signature, VerifierKey, format_note
from ledger.witness.memory import Head, Memory
from ledger.witness.rule import Declined, judge, open_signed

Consistency = Callable[[int], Sequence[bytes]]
"""old size -> the consistency proof (hashes of 32 bytes) from there to the checkpoint at hand."""


class Witness:
    """One cosigner of the logs whose keys are given; a key's name is its log's origin, and a log may have several.

    `now` gives the seconds since 1970 to put into cosignatures.
    """

    def __init__(
        self,
        cosigner: Cosigner,
        memory: Memory,
        logs: Iterable[VerifierKey],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._cosigner, self._memory, self._now = cosigner, memory, now
        self._logs = _by_origin(logs)

    @property
    def vkey(self) -> VerifierKey:
        """The key that cosignatures verify with."""
        return self._cosigner.vkey

    @property
    def origins(self) -> tuple[str, ...]:
        """The logs it cosigns."""
        return tuple(self._logs)

    def cosign(self, checkpoint: bytes, old: int, proof: Sequence[bytes]) -> Signature:
        """The cosignature over a signed checkpoint that continues the last one, of size `old`; remembered before.

        Declined, with the specification's status, when the rule says no; LedgerIOError when it cannot be remembered.
        """
        opened = open_signed(checkpoint, self._logs)
        name, origin, text = self.vkey.name, opened.checkpoint.origin, opened.note.text
        while True:  # at most twice: where the head has moved, `judge` says no
            last = self._memory.head(name, origin)
            head = judge(opened.checkpoint, old, proof, last)
            signature = self._cosigner.cosign(text, int(self._now()))
            shown = format_note(Note(text, (*opened.note.signatures, signature)))
            if self._memory.swap(origin, {name: last}, head, shown):
                return signature

    def latest(self, origin: str) -> bytes | None:
        """The last checkpoint it cosigned of a log, with the log's signature and its own; None when there is none."""
        return self._memory.shown(self.vkey.name, origin)


class Participants:
    """Any number of cosigners that watch the same logs and share one memory."""

    def __init__(self, memory: Memory, logs: Iterable[VerifierKey], now: Callable[[], float] = time.time) -> None:
        self._memory, self._logs, self._now = memory, _by_origin(logs), now

    def cosign(
        self, checkpoint: bytes, cosigners: Iterable[Cosigner], consistency: Consistency
    ) -> dict[str, Signature]:
        """Each cosigner's signature, by its name, over a checkpoint that continues what each of them saw last.

        All of them move in one transaction, durable before anything is signed, or none does. `consistency` is asked
        once for each older size among them. Declined (403, 404, 400) when the log did not sign it, RolledBack when
        somebody remembers a head that it does not continue, LedgerIOError when it cannot be remembered.
        """
        opened = open_signed(checkpoint, self._logs)
        everyone = {cosigner.vkey.name: cosigner for cosigner in cosigners}
        origin = opened.checkpoint.origin
        while True:  # again when another process moved one of them meanwhile
            old = self._memory.heads(everyone, origin)
            head = _continued(opened.checkpoint, old, consistency)
            if self._memory.swap(origin, old, head):
                break
        seconds = int(self._now())
        return {name: cosigner.cosign(opened.note.text, seconds) for name, cosigner in everyone.items()}


def _continued(checkpoint: Checkpoint, old: Mapping[str, Head], consistency: Consistency) -> Head:
    """The checkpoint's head, when it continues every head in `old`; RolledBack naming the first it does not."""
    for last, name in {head: name for name, head in old.items()}.items():
        try:
            behind = 0 < last.size < checkpoint.size
            judge(checkpoint, last.size, consistency(last.size) if behind else (), last)
        except Declined as error:
            raise RolledBack(
                f"{name} remembers {checkpoint.origin} at size {last.size} with root {last.root.hex()}, and the "
                f"checkpoint of size {checkpoint.size} does not continue it; keep both as evidence. ({error})"
            ) from error
    return Head(checkpoint.size, checkpoint.root)


def _by_origin(keys: Iterable[VerifierKey]) -> dict[str, list[VerifierKey]]:
    logs: dict[str, list[VerifierKey]] = {}
    for key in keys:
        logs.setdefault(key.name, []).append(key)
    return logs
