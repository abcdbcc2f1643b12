"""Does our verifier accept a log that others wrote? Tessera's test log: 15 entries, 16 checkpoints, from a checkout.

    python -m benchmarks.foreign_log CHECKOUT

Takes the folder that holds ``testdata/log``. Verifies the log as it is; as it was at every size from 0 to 15, by the
checkpoint of that size; and that it agrees with each of the older ones. Then 1,000 times with one byte changed
somewhere, which must be found. Exit code 1 when anything is other than it should be.
"""

import argparse
import random
import shutil
import sys
import tempfile
from pathlib import Path

from ledger.policy import Policy
from ledger.verify import verify_dir
from ledger.verify.report import Report

# testdata/build_log.sh of github.com/transparency-dev/tessera
VKEY = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
SIZES = range(16)
CHANGES = 1000


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("checkout", type=Path)
    given = parser.parse_args().checkout / "testdata" / "log"
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "log"
        shutil.copytree(given, log)
        heads = [(log / f"checkpoint.{size}").read_bytes() for size in SIZES]
        as_it_is = _verify(log)
        agreeing = sum(_verify(log, since=head).ok for head in heads)
        as_it_was = sum(_at(log, head, size) for size, head in zip(SIZES, heads, strict=True))
        shutil.copy(given / "checkpoint", log / "checkpoint")
        found = sum(_change_is_found(log, seed) for seed in range(CHANGES))
    print(f"as it is: {'good' if as_it_is.ok else as_it_is.problems}, {as_it_is.size} entries, root {as_it_is.root}")
    print(f"as it was at each size: {as_it_was} of {len(SIZES)} good; agrees with {agreeing} of the checkpoints")
    print(f"with one byte changed: {found} of {CHANGES} found")
    for line in (*as_it_is.notes, *as_it_is.not_ruled_out):
        print(f"  {line}", file=sys.stderr)
    return 0 if as_it_is.ok and as_it_was == agreeing == len(SIZES) and found == CHANGES else 1


def _verify(log: Path, since: bytes | None = None) -> Report:
    return verify_dir(log, Policy.of_log(VKEY), since, keys=log.parent / "no keys", foreign=True)


def _at(log: Path, head: bytes, size: int) -> bool:
    """Whether the log is good under the checkpoint of an earlier size; its newer files lie beyond that."""
    (log / "checkpoint").write_bytes(head)
    report = _verify(log)
    return report.ok and report.size == size


def _change_is_found(log: Path, seed: int) -> bool:
    rng = random.Random(seed)
    files = [log / "checkpoint", *(path for path in sorted((log / "tile").rglob("*")) if path.is_file())]
    file = rng.choice(files)
    good = file.read_bytes()
    changed = bytearray(good)
    changed[rng.randrange(len(good))] ^= rng.randrange(1, 256)
    file.write_bytes(changed)
    report = _verify(log)
    file.write_bytes(good)
    return not report.ok


if __name__ == "__main__":
    raise SystemExit(main())
