"""A snapshot of the state, so that opening a long ledger need not replay it; derived, and may be deleted at any time.

Signed by the operator: nobody else can change a balance in it. Canonical JSON,
`{"sig","snapshot":{"log","size","state"}}`, the signature over the DSSE encoding of the inner object.
"""

import base64
from pathlib import Path

from ledger.canonical import Value, decode, encode
from ledger.fs import Disk, read
from ledger.keys import SigningKey, pae, verify
from ledger.state import State

PAYLOAD_TYPE = "application/vnd.fedray.state.v1+json"


def save_snapshot(path: Path, state: State, key: SigningKey, disk: Disk) -> None:
    """Keep `state`; LedgerIOError when the disk refuses."""
    inner: dict[str, Value] = {"log": state.log, "size": state.size, "state": state.dump()}
    signature = base64.b64encode(key.sign(pae(PAYLOAD_TYPE, encode(inner)))).decode()
    disk.make_folder(path.parent)
    disk.replace(path, encode({"sig": signature, "snapshot": inner}))


def load_snapshot(path: Path, log: str, who: str, at_most: int) -> State:
    """The state kept there if `who` signed it for this log and it has `at_most` entries; else an empty one."""
    data = read(path)
    try:
        return State() if data is None else _load(data, log, who, at_most)
    except (AssertionError, AttributeError, KeyError, TypeError, ValueError):
        return State()


def _load(data: bytes, log: str, who: str, at_most: int) -> State:
    outer = decode(data)
    assert isinstance(outer, dict)
    inner = outer["snapshot"]
    assert isinstance(inner, dict)
    verify(who, pae(PAYLOAD_TYPE, encode(inner)), base64.b64decode(str(outer["sig"])))
    size = inner["size"]
    if inner["log"] != log or not isinstance(size, int) or size > at_most:
        return State()
    return State.load(inner["state"])
