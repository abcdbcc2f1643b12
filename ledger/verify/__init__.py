"""Verifying a ledger without trusting who wrote it or who keeps it: every byte, link, signature and rule.

A report also says what was not ruled out. A log that is signed by its operator alone can be cut, rewritten and shown
differently to different readers by that operator; only an older signed head, a receipt or witnesses show that.
"""

from pathlib import Path

from ledger.errors import Refused
from ledger.policy import Policy
from ledger.source import open_source
from ledger.verify.report import Report
from ledger.verify.verification import Options, Verification


def verify_dir(
    path: str | Path,
    policy: Policy | None = None,
    since: bytes | None = None,
    *,
    keys: str | Path | None = None,
    fast: bool = False,
    jobs: int = 1,
    foreign: bool = False,
) -> Report:
    """Verify the ledger in a folder, or the log served at an http(s) address.

    `policy`: log keys and witnesses to hold it to. `since`: an older signed checkpoint or a receipt, which it must
    still agree with. `keys`: a key folder, whose head of this log it must agree with (default: as for `Log.open`).
    `fast` leaves out the statements' signatures and rules. `jobs`: processes to use (see ledger.verify.jobs).
    `foreign`: any C2SP tlog-tiles log, whose entries are not looked into; it needs a policy.
    Raises NotALedger, LedgerIOError, and Refused for a `since` that is no checkpoint or receipt of this log; whatever
    else is wrong is in the report.
    """
    if foreign and policy is None:
        raise Refused("a foreign log says nothing of its own key; give a policy with the log's vkey.")
    return Verification(*open_source(path), Options(policy, since, keys, fast, jobs, foreign)).run()
