"""What witnesses remember must outlive threads that race, processes that race, and processes that are killed."""

import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path

import pytest

from ledger.errors import LedgerIOError, Refused
from ledger.witness.memory import EMPTY, Head, Memory
from ledger.witness.unrevealed import Commitment, Unrevealed

ORIGIN = "example.com/log"


def head(size, writer=""):
    return Head(size, sha256(f"{writer}{size}".encode()).digest())


@pytest.fixture
def memory(tmp_path):
    return Memory(tmp_path / "memory")


def commits(memory):
    """How many transactions ever changed the file: SQLite's file change counter (file format, section 1.3.8)."""
    return int.from_bytes(memory.path.read_bytes()[24:28], "big")


def test_who_never_cosigned_remembers_the_empty_tree(memory):
    assert memory.head("w", ORIGIN) == EMPTY == Head(0, sha256().digest())


def test_every_cosigner_and_log_has_a_head_of_its_own(memory):
    assert memory.swap(ORIGIN, {"w": EMPTY}, head(3))
    assert memory.swap("other", {"w": EMPTY}, head(4))
    assert memory.heads(["w", "v"], ORIGIN) == {"w": head(3), "v": EMPTY}
    assert Memory(memory.path).head("w", "other") == head(4)


def test_a_swap_from_another_head_than_the_last_moves_nothing(memory):
    assert memory.swap(ORIGIN, {"w": EMPTY}, head(3))
    for stale in (EMPTY, head(2), head(3, "fork")):
        assert not memory.swap(ORIGIN, {"w": stale, "v": EMPTY}, head(5), b"shown")
    assert memory.heads(["w", "v"], ORIGIN) == {"w": head(3), "v": EMPTY}
    assert memory.shown("w", ORIGIN) is None


@pytest.mark.parametrize(
    "new",
    [head(2), head(3, "fork"), Head(-1, bytes(32)), Head(2**63, bytes(32)), Head(4, b"short"), Head(0, bytes(32))],
)
def test_no_head_is_ever_taken_back(memory, new):
    memory.swap(ORIGIN, {"w": EMPTY}, head(3))
    with pytest.raises(Refused):
        memory.swap(ORIGIN, {"w": head(3)}, new)
    assert memory.head("w", ORIGIN) == head(3)


@pytest.mark.parametrize("change", ["size = 2", "root = zeroblob(32)"])
def test_the_file_itself_refuses_to_take_a_head_back(memory, change):
    memory.swap(ORIGIN, {"w": EMPTY}, head(3))
    with sqlite3.connect(memory.path) as db, pytest.raises(sqlite3.IntegrityError, match="only grow"):
        db.execute(f"UPDATE heads SET {change}")


def test_five_thousand_cosigners_move_in_one_transaction_or_not_at_all(memory):
    names = [f"user/{n}" for n in range(5000)]
    before = commits(memory)
    assert memory.swap(ORIGIN, dict.fromkeys(names, EMPTY), head(3))
    assert commits(memory) == before + 1
    assert memory.swap(ORIGIN, {names[-1]: head(3)}, head(4))
    assert not memory.swap(ORIGIN, dict.fromkeys(names, head(3)), head(5))
    assert memory.heads(names, ORIGIN) == dict.fromkeys(names[:-1], head(3)) | {names[-1]: head(4)}


def test_threads_that_race_for_the_next_head_win_it_once(memory):
    def race(writer):
        won = []
        while (last := memory.head("w", ORIGIN)).size < 25:
            new = head(last.size + 1, writer)
            won += [new] if memory.swap(ORIGIN, {"w": last}, new) else []
        return won

    with ThreadPoolExecutor(4) as threads:
        won = sorted(new for each in threads.map(race, "abcd") for new in each)
    assert [new.size for new in won] == list(range(1, 26))
    assert won[-1] == memory.head("w", ORIGIN)


def child(code, *args):
    start = (
        "import sys, time\n"
        "from hashlib import sha256\n"
        "from ledger.witness.memory import Head, Memory\n"
        "memory = Memory(sys.argv[1])\n"
    )
    return subprocess.Popen(
        [sys.executable, "-c", start + code, *map(str, args)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
    )


RACE = """
print("ready", flush=True)
sys.stdin.readline()
while (last := memory.head("w", "example.com/log")).size < 150:
    size = last.size + 1
    if memory.swap("example.com/log", {"w": last}, Head(size, sha256(f"{sys.argv[2]}{size}".encode()).digest())):
        print(size, flush=True)
        time.sleep(0.005)  # lets the other have its turn, however few processors there are
"""


def test_processes_that_race_for_the_next_head_win_it_once(memory):
    racers = {name: child(RACE, memory.path, name) for name in "ab"}
    assert [racer.stdout.readline() for racer in racers.values()] == ["ready\n"] * 2
    for racer in racers.values():
        racer.stdin.write("go\n")
        racer.stdin.flush()
    said = [(int(size), name) for name, racer in racers.items() for size in racer.communicate(timeout=60)[0].split()]
    assert sorted(size for size, _ in said) == list(range(1, 151)), "each size was won, and by one only"
    assert {name for _, name in said} == {"a", "b"}, "both took part"
    assert memory.head("w", ORIGIN) == head(150, dict(said)[150])


def test_processes_that_make_the_same_file_at_once_all_find_it_made(tmp_path):
    makers = [child("print(memory.head('w', 'x').size)", tmp_path / "memory") for _ in range(4)]
    assert [maker.communicate(timeout=30)[0] for maker in makers] == ["0\n"] * 4


GROW = """
while True:
    last = memory.head("w", "example.com/log")
    new = Head(last.size + 1, sha256(str(last.size + 1).encode()).digest())
    assert memory.swap("example.com/log", {"w": last, "v": last}, new)
    print(new.size, flush=True)
"""


def test_what_was_said_to_be_kept_is_kept_whenever_the_writer_is_killed(memory):
    said = 0
    for pause_ms in (0, 1, 2, 3, 5, 8):
        writer = child(GROW, memory.path)
        while int(writer.stdout.readline()) < said + 3:
            pass
        time.sleep(pause_ms / 1000)
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.communicate()[0].split()
        kept = memory.heads(["w", "v"], ORIGIN)
        said = int(rest[-1]) if rest else said + 3
        assert kept["w"] == kept["v"] == head(kept["w"].size), "both moved or none"
        assert said <= kept["w"].size <= said + 1


def test_a_memory_can_be_pickled_and_used_elsewhere(memory):
    pickle.loads(pickle.dumps(memory)).swap(ORIGIN, {"w": EMPTY}, head(1))
    assert memory.head("w", ORIGIN) == head(1)


def test_only_its_owner_may_read_the_file(memory):
    assert memory.path.stat().st_mode & 0o777 == 0o600


def test_other_files_are_not_taken_for_a_memory(tmp_path):
    (tmp_path / "text").write_text("no database, and long enough to look at: " * 100)
    with pytest.raises(LedgerIOError, match="not a database"):
        Memory(tmp_path / "text")
    with sqlite3.connect(tmp_path / "foreign") as db:
        db.execute("CREATE TABLE heads (x)")
    with pytest.raises(Refused, match="no witness memory"):
        Memory(tmp_path / "foreign")


def test_a_memory_that_was_removed_does_not_come_back_empty(memory):
    memory.swap(ORIGIN, {"w": EMPTY}, head(3))
    memory.path.unlink()
    for use in (memory.head, memory.shown):
        with pytest.raises(LedgerIOError):
            use("w", ORIGIN)
    with pytest.raises(LedgerIOError):
        memory.swap(ORIGIN, {"w": EMPTY}, head(2))
    assert not memory.path.exists()


def test_a_missing_folder_is_an_error_that_names_it(tmp_path):
    with pytest.raises(LedgerIOError, match="nowhere"):
        Memory(tmp_path / "nowhere" / "memory")


def test_a_full_disk_leaves_the_last_head(memory, small_files):
    memory.swap(ORIGIN, {"w": EMPTY}, head(3), b"shown")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with small_files(memory.path.stat().st_size), pytest.raises(LedgerIOError):
        memory.swap(ORIGIN, {"w": head(3)}, head(4), bytes(100_000))
    assert (memory.head("w", ORIGIN), memory.shown("w", ORIGIN)) == (head(3), b"shown")
    assert memory.swap(ORIGIN, {"w": head(3)}, head(4))


FIRST = Commitment("ed25519:a", "run", 1, "5a" * 32, "d1" * 32)


@pytest.fixture
def unrevealed(tmp_path):
    return Unrevealed(tmp_path / "memory")


def test_a_commitment_is_kept_until_it_is_deleted(unrevealed, memory):
    second = FIRST._replace(who="ed25519:b", round=2)
    unrevealed.put([second, FIRST])
    assert unrevealed.get(*FIRST[:3]) == FIRST and unrevealed.of_run("run") == [FIRST, second]
    unrevealed.delete([FIRST])
    unrevealed.delete([FIRST])
    assert unrevealed.get(*FIRST[:3]) is None and unrevealed.of_run("run") == [second]
    assert unrevealed.of_run("another") == []


def test_many_commitments_are_kept_in_one_transaction(unrevealed, memory):
    before = commits(memory)
    unrevealed.put(FIRST._replace(who=f"ed25519:{n}") for n in range(3000))
    assert commits(memory) == before + 1 and len(unrevealed.of_run("run")) == 3000


def test_another_commitment_for_the_same_round_is_refused_and_none_of_the_batch_is_kept(unrevealed):
    unrevealed.put([FIRST])
    unrevealed.put([FIRST])
    for other in (FIRST._replace(salt="00" * 32), FIRST._replace(digest="00" * 32)):
        with pytest.raises(Refused, match="another unrevealed commitment"):
            unrevealed.put([FIRST._replace(round=2), other])
        unrevealed.delete([other])
    assert unrevealed.of_run("run") == [FIRST]
