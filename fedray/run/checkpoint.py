"""Checkpoints: ``checkpoints/round-000012/`` with ``model.safetensors`` and ``state.json``, there whole or not at all.

As all randomness comes from (seed, round, user, purpose), the weights and the round number are the whole state of
synchronous training; the ledger's head says which entries the checkpoint stands on.
"""

import json
import shutil
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from fedray.errors import FedrayError
from fedray.run.storage import sync_folder, write_whole, writing

VERSION = 1


@dataclass(frozen=True)
class State:
    """What a checkpoint says beside the weights. ``model``: SHA-256 of model.safetensors; ``bytes_sent`` so far."""

    round: int
    model: str
    bytes_sent: int
    seconds: float
    ledger_head: str | None
    version: int = VERSION


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint read back; ``tensors`` by their state-dict names."""

    state: State
    tensors: dict[str, Tensor]


def save_tensors(tensors: dict[str, Tensor]) -> tuple[bytes, str]:
    """The safetensors bytes of a state dict and their SHA-256 (hex), which names the model everywhere."""
    data = save(tensors)
    return data, sha256(data).hexdigest()


def write_checkpoint(folder: Path, state: State, model: bytes, keep: int) -> None:
    """Write a checkpoint into the run's ``checkpoints`` folder, then drop all but the newest ``keep``."""
    final = folder / _name(state.round)
    building = folder / f".building-{state.round:06d}"
    with writing(str(final)):
        shutil.rmtree(building, ignore_errors=True)
        try:
            building.mkdir(parents=True)
            write_whole(building / "model.safetensors", model)
            write_whole(building / "state.json", json.dumps(asdict(state), indent=1).encode())
            shutil.rmtree(final, ignore_errors=True)
            building.rename(final)
        except BaseException:
            shutil.rmtree(building, ignore_errors=True)
            raise
        sync_folder(folder)
        for old in _folders(folder)[:-keep]:
            shutil.rmtree(old)


def newest_checkpoint(folder: Path) -> Checkpoint | None:
    """The newest checkpoint that is whole; None when there is none. Raises FedrayError when all are damaged."""
    found = _folders(folder)
    for candidate in reversed(found):
        checkpoint = _read(candidate)
        if checkpoint is not None:
            return checkpoint
    if found:
        raise FedrayError(f"All checkpoints in {folder} are damaged; start the run again with 'fedray submit'.")
    return None


def _name(round: int) -> str:
    return f"round-{round:06d}"


def _folders(folder: Path) -> list[Path]:
    return sorted(folder.glob("round-*"))


def _read(folder: Path) -> Checkpoint | None:
    try:
        values: dict[str, Any] = json.loads((folder / "state.json").read_text())
        state = State(**values)
        data = (folder / "model.safetensors").read_bytes()
        told = (_name(state.round), state.version, state.model)
        return Checkpoint(state, load(data)) if told == (folder.name, VERSION, sha256(data).hexdigest()) else None
    except (OSError, ValueError, TypeError, SafetensorError):
        return None
