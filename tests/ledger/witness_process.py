"""A witness server in a process of its own: `python witness_process.py '<json of options>'`, and how to start one."""

import asyncio
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from ledger import serving
from ledger.cosignature import Cosigner
from ledger.keys import SigningKey
from ledger.note import VerifierKey
from ledger.witness import server
from ledger.witness.cosigner import Witness
from ledger.witness.feeder import Peer
from ledger.witness.memory import Memory

NOBODY = 65534


class Running(NamedTuple):
    """A server that answers at `peer.url`."""

    peer: Peer
    process: subprocess.Popen


@contextmanager
def running(memory, logs, name="example.com/witness", **options):
    """`nobody`: answer without the powers of root; `request_s`, `idle_s`: how patient it is; `prefix`: of its URLs."""
    given = {"memory": str(memory), "name": name, "logs": [str(key) for key in logs], **options}
    root = Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, __file__, json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(root)},
    )
    try:
        line = process.stdout.readline().split()
        assert line and line[0] == "witness", process.stderr.read()
        yield Running(Peer(line[1], line[3], VerifierKey.parse(line[2])), process)
    finally:
        process.kill()
        process.communicate()


def key_of(name):
    """The key of the witness with this name: its server always gets the same."""
    return SigningKey.derive(b"what every test witness shares: a", name)


def main(options):
    server.REQUEST_S = options.get("request_s", server.REQUEST_S)
    serving.IDLE_S = options.get("idle_s", serving.IDLE_S)
    name = options["name"]
    logs = [VerifierKey.parse(text) for text in options["logs"]]
    witness = Witness(Cosigner(name, key_of(name)), Memory(options["memory"]), logs)
    if options.get("nobody") and os.geteuid() == 0:
        os.seteuid(NOBODY)
    asyncio.run(server.serve(witness, prefix=options.get("prefix", "")))


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
