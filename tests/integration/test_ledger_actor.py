"""The ledger behind a Ray actor: many tasks append at once, and every one of them gets a receipt that holds."""

import asyncio
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import ledger
from fedray.runtime import ray_runtime
from ledger.folder import LedgerFolder
from ledger.verify import verify_dir

ray: Any = ray_runtime.ray  # not imported here: the runtime sets what Ray reads when it is first imported

ORIGIN = "example.org/actor"
SEED = bytes(32)  # keys do not travel: they cannot be pickled
CALLERS, EACH = 4, 25


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    quiet: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": logging.ERROR}
    ray.init(address="local", num_cpus=CALLERS + 1, _node_ip_address="127.0.0.1", **quiet)
    ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import a test
    yield
    ray.shutdown()


class Sequencer:
    """Log as it is: its append is a coroutine, so one actor serves many callers."""

    def __init__(self, folder: str, keys: str) -> None:
        operator = ledger.SigningKey.from_seed(SEED)
        self._log = ledger.Log.create(folder, ORIGIN, operator, keys=keys)
        self._log.append_now(ledger.sign(operator, "genesis", ORIGIN, created_by="test", quorum="none", allocations=[]))

    async def append(self, statement: ledger.Statement) -> ledger.Receipt:
        return await self._log.append(statement)

    async def close(self) -> None:
        await asyncio.to_thread(self._log.close)


def contribute(sequencer: Any, caller: int) -> list[tuple[int, str, ledger.Receipt]]:
    """One task: its own participants register, all waiting at once, and one of them once more."""
    keys = [ledger.SigningKey.derive(b"s" * 32, f"{caller}/{number}") for number in range(EACH)]
    said = [ledger.sign(key, "account.register", ORIGIN, name=key.who, role="end-user") for key in keys]
    waiting = [sequencer.append.remote(statement) for statement in said]
    found = []
    for key, reference in zip(keys, waiting, strict=True):
        receipt = ray.get(reference)
        found.append((receipt.index, key.who, receipt))
    try:
        ray.get(sequencer.append.remote(said[0]))
    except ledger.Refused:  # Ray raises an error that is both its own and ours
        return found
    raise AssertionError("a second registration of one key was not refused")


def test_tasks_append_through_one_actor_and_hold_receipts(cluster: None, tmp_path: Path) -> None:
    folder, keys = tmp_path / "ledger", tmp_path / "keys"
    sequencer = ray.remote(num_cpus=1, max_concurrency=1000)(Sequencer).remote(str(folder), str(keys))
    task = ray.remote(contribute)
    found = [
        item for part in ray.get([task.remote(sequencer, n) for n in range(CALLERS)], timeout=120) for item in part
    ]
    ray.get(sequencer.close.remote(), timeout=60)
    entries = dict(entries_of(folder))
    key = ledger.log_vkey(ORIGIN, ledger.SigningKey.from_seed(SEED).who)
    for index, who, receipt in found:
        assert ledger.decode_entry(entries[index]).statement.body["who"] == who
        receipt.verify([key], entries[index])
    assert sorted(index for index, _, _ in found) == list(range(1, CALLERS * EACH + 1))
    assert verify_dir(folder, keys=keys).ok


def entries_of(folder: Path) -> Iterator[tuple[int, bytes]]:
    size = CALLERS * EACH + 1
    for proved in LedgerFolder(folder).prove(range(size), size):
        yield proved.place, proved.entry
