"""Do our signature checks give Go's verdict on the edge cases of Ed25519? C2SP/CCTV's 914 vectors, from a checkout.

    python -m benchmarks.ed25519_vectors CHECKOUT

Takes the folder that holds ``ed25519/ed25519vectors.json``. Go's crypto/ed25519 refuses a non-canonical R and a
low-order residue and accepts the rest (that folder's README, and running Go on the vectors). So does the library we
use; we refuse public keys of low order as well: under such a key one signature fits many messages, so nobody may
register one. Exit code 1 when a verdict is another, or a low-order key could be registered.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ledger.errors import Refused
from ledger.keys import public_key, verify


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    vectors = json.loads((parser.parse_args().checkout / "ed25519" / "ed25519vectors.json").read_text())
    go = [_accepted_by_go(vector) for vector in vectors]
    low = ["low_order_A" in flags(vector) for vector in vectors]
    library = [_accepted_by_library(vector) for vector in vectors]
    ours = [_accepted(vector) for vector in vectors]
    known = [_can_register(vector) for vector in vectors]
    print(f"{len(vectors)} vectors, {sum(low)} of them with a public key of low order")
    print(f"accepted by Go: {sum(go)}; by the library we use: {sum(library)}; by ledger.keys: {sum(ours)}")
    print(f"keys that may register: {sum(known)} of {len(vectors)}, of low order {_both(known, low)}")
    wrong = sum(a != b for a, b in zip(library, go, strict=True))
    wrong += sum(mine != (theirs and not of_low) for mine, theirs, of_low in zip(ours, go, low, strict=True))
    wrong += _both(known, low)
    print(f"unexpected verdicts: {wrong}")
    return 1 if wrong or not vectors else 0


def flags(vector: dict[str, Any]) -> set[str]:
    return set(vector["flags"] or ())


def _both(one: list[bool], other: list[bool]) -> int:
    return sum(a and b for a, b in zip(one, other, strict=True))


def _accepted_by_go(vector: dict[str, Any]) -> bool:
    return not flags(vector) & {"non_canonical_R", "low_order_residue"}


def _accepted_by_library(vector: dict[str, Any]) -> bool:
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(vector["key"]))
        key.verify(bytes.fromhex(vector["sig"]), vector["msg"].encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def _accepted(vector: dict[str, Any]) -> bool:
    try:
        verify(f"ed25519:{vector['key']}", vector["msg"].encode(), bytes.fromhex(vector["sig"]))
    except Refused:
        return False
    return True


def _can_register(vector: dict[str, Any]) -> bool:
    try:
        public_key(f"ed25519:{vector['key']}")
    except Refused:
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
