"""Do our proof checks give the verdicts of transparency-dev/merkle? Its 196 public vectors, read from a checkout.

    python -m benchmarks.merkle_vectors CHECKOUT

Takes the folder that holds ``testdata/inclusion`` and ``testdata/consistency``. Four of the files test conventions of
that library on which RFC 9162 is silent; they are listed by name. Exit code 1 when the verdict on any other differs.
"""

import argparse
import json
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.errors import Refused
from ledger.proofs import check_consistency, check_inclusion

# Their roots are 12 bytes long, which that library does not look at and we refuse. It also refuses every proof from
# size 0, which C2SP tlog-witness and we accept from the empty tree's own root; here the length comes first.
CONVENTIONS = {
    f"consistency/additional/{name}.json"
    for name in (
        "sizes-are-equal-one-and-proof-is-empty",
        "sizes-are-equal-zero-and-proof-is-empty",
        "size1-is-zero-and-does-not-equal-size2",
        "size1-is-zero-and-size2-is-not-zero",
    )
}


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    testdata = parser.parse_args().checkout / "testdata"
    unexpected = 0
    for kind, check in (("inclusion", _inclusion), ("consistency", _consistency)):
        verdicts = {
            file.relative_to(testdata).as_posix(): _agrees(check, json.loads(file.read_text()))
            for file in sorted((testdata / kind).rglob("*.json"))
        }
        print(f"{kind}: {sum(verdicts.values())} of {len(verdicts)} vectors agree")
        for name, agrees in verdicts.items():
            if name in CONVENTIONS:
                print(f"  convention: {name}: {'agree' if agrees else 'disagree'}")
            elif not agrees:
                print(f"  NOT EXPECTED: {name}: disagree")
        unexpected += not verdicts or not all(agrees for name, agrees in verdicts.items() if name not in CONVENTIONS)
    return 1 if unexpected else 0


def _agrees(check: Callable[[dict[str, Any]], None], vector: dict[str, Any]) -> bool:
    try:
        check(vector)
    except Refused:
        return bool(vector["wantErr"])
    return not vector["wantErr"]


def _inclusion(vector: dict[str, Any]) -> None:
    leaf, root = _bytes(vector["leafHash"]), _bytes(vector["root"])
    check_inclusion(leaf, vector["leafIdx"], vector["treeSize"], _path(vector), root)


def _consistency(vector: dict[str, Any]) -> None:
    old_root, new_root = _bytes(vector["root1"]), _bytes(vector["root2"])
    check_consistency(vector["size1"], vector["size2"], _path(vector), old_root, new_root)


def _path(vector: dict[str, Any]) -> list[bytes]:
    return [_bytes(text) for text in vector["proof"] or ()]


def _bytes(text: str | None) -> bytes:
    """Go's JSON of a byte slice, which writes null for an empty one."""
    return b64decode(text or "", validate=True)


if __name__ == "__main__":
    raise SystemExit(main())
