"""An audit replays everything from the entries, counts money again, and believes nothing that is derived."""

import base64
import json
import shutil

import pytest
from forged_ledger import Forge, chain, honest, told
from ledger_story import (
    LOG,
    OPERATOR,
    RUN,
    USERS,
    close,
    commit,
    end,
    open_round,
    resume,
    reveal,
    stake,
    tell,
    transfer,
)

from ledger import Log
from ledger.audit import audit_dir
from ledger.audit.books import Books
from ledger.audit.runs import Runs
from ledger.canonical import encode
from ledger.keys import pae
from ledger.log.snapshot import PAYLOAD_TYPE
from ledger.state import State


@pytest.fixture
def nobody(tmp_path):
    return tmp_path / "no-keys"


def test_an_honest_run_is_counted_round_by_round(tmp_path, nobody):
    audit = audit_dir(honest().write(tmp_path / "ledger"), keys=nobody)
    assert (audit.ok, audit.exit_code, audit.problems, audit.findings) == (True, 0, (), ())
    assert audit.state_root == tell(told(32)).root()
    assert (audit.quorum, audit.minted, audit.conserved) == ("majority", 1500, True)
    (run,) = audit.runs
    assert (run.name, run.rounds, run.superseded, run.closed) == (RUN, 32, 0, True)
    work = run.work
    assert (work.updates, work.revealed, work.reports, work.cosignatures) == (64, 64, 32, 64)


def test_the_state_root_needs_nothing_but_the_entries(tmp_path):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(*told(2, quorum="none")[:14])
        expected = log.state.root()
    assert (tmp_path / "ledger/state/snapshot").exists()
    with_snapshot = audit_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    shutil.rmtree(tmp_path / "ledger/state")
    without = audit_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    assert with_snapshot.state_root == without.state_root == expected
    with Log.open(tmp_path / "ledger", keys=tmp_path / "keys") as log:
        assert log.state.root() == expected


def test_a_snapshot_that_the_operator_has_doctored_is_found(tmp_path):
    with Log.create(tmp_path / "ledger", LOG, OPERATOR, keys=tmp_path / "keys") as log:
        log.append_now(*told(0))
    path = tmp_path / "ledger/state/snapshot"
    inner = json.loads(path.read_bytes())["snapshot"]
    text = json.dumps(inner).replace(" 1000,", " 1001,")
    assert text != json.dumps(inner)
    inner = json.loads(text)
    signature = base64.b64encode(OPERATOR.sign(pae(PAYLOAD_TYPE, encode(inner)))).decode()
    path.write_bytes(encode({"sig": signature, "snapshot": inner}))
    audit = audit_dir(tmp_path / "ledger", keys=tmp_path / "keys")
    assert audit.report.ok
    assert audit.exit_code == 1
    assert "state/snapshot" in str(audit.problems[0])


def test_updates_that_were_never_revealed_and_rounds_nobody_cosigned_are_findings(tmp_path, nobody):
    story = told(1, quorum="none")[:14]
    root = Forge(chain(story)).root(14).hex()
    story += [reveal(0, 1), close(1, 14, root, revealed=1)]
    audit = audit_dir(Forge(chain(story)).write(tmp_path / "ledger"), keys=nobody)
    assert audit.ok
    assert len(audit.findings) == 2
    assert "1 of 2" in audit.findings[0] and "cosigned" in audit.findings[1]


def test_rounds_that_were_done_over_are_superseded(tmp_path, nobody):
    story = told(2)[:-1]
    story.append(resume(1))
    audit = audit_dir(Forge(chain(story)).write(tmp_path / "ledger"), keys=nobody)
    assert audit.problems == ()
    (run,) = audit.runs
    assert (run.rounds, run.superseded, run.work.updates) == (1, 1, 2)
    assert audit.findings == ()  # nothing was trained again yet


def test_rounds_trained_again_after_their_updates_were_shown_are_findings():
    def findings(*told):
        runs = Runs()
        for statement in told:
            runs.enter(statement.body)
        return [text for text in runs.findings() if "again" in text]

    begun = [open_round(1), commit(0, 1), reveal(0, 1)]
    closed = [*begun, close(1, 2), open_round(2), commit(0, 2)]
    assert findings(*closed, resume(1), open_round(2)) == []  # nothing of round 2 had been shown
    (again,) = findings(*closed, resume(0), open_round(1))
    assert again.startswith(f"{RUN}, round 1: trained again after updates of it were revealed")
    (left_open,) = findings(*begun, resume(0), open_round(1))
    assert left_open == again
    (ended,) = findings(*begun, end(0), resume(0), *begun)
    assert ended == again
    both = findings(*closed, reveal(0, 2), resume(0), *closed, resume(0), open_round(1))
    assert [text.split(" after")[0] for text in both] == [
        f"{RUN}, round 1: trained again 2 times", f"{RUN}, round 2: trained again",
    ]  # fmt: skip


def test_money_is_counted_again_by_other_code(tmp_path, nobody):
    story = [*told(1), stake(USERS[0], 300), transfer(USERS[0], USERS[1], 50, 2), stake(USERS[0], 100, 3, "unstake")]
    audit = audit_dir(Forge(chain(story)).write(tmp_path / "ledger"), keys=nobody)
    assert (audit.problems, audit.conserved) == ((), True)


def test_a_state_that_lets_money_appear_would_be_found():
    books, state = Books(), State()
    for number, statement in enumerate([*told(1), stake(USERS[0], 300)]):
        books.enter(number, statement.body)
        state.apply(statement.body)
    assert list(books.differences(state)) == []
    state.apply(transfer(USERS[1], USERS[0], 1).body)
    assert len(list(books.differences(state))) == 2
    books.enter(99, transfer(USERS[1], USERS[0], 501).body)
    assert any("entry 99" in text for text in books.differences(state))


def test_what_verifying_finds_the_audit_reports(tmp_path, nobody):
    path = honest().write(tmp_path / "ledger")
    (path / "log/tile/0/000").write_bytes(bytes(8192))
    audit = audit_dir(path, keys=nobody)
    assert (audit.ok, audit.exit_code) == (False, 1)
    assert audit.problems == audit.report.problems


def test_a_ledger_without_entries_has_an_empty_state(tmp_path, nobody):
    audit = audit_dir(Forge([]).write(tmp_path / "ledger"), keys=nobody)
    assert (audit.ok, audit.state_root, audit.runs) == (True, State().root(), ())


def test_two_processes_audit_to_the_same(tmp_path, nobody):
    path = honest().write(tmp_path / "ledger")
    assert audit_dir(path, keys=nobody, jobs=2) == audit_dir(path, keys=nobody)
