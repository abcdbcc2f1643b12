"""One byte changed, anywhere in any published file, is found; the files are held in memory, so all can be tried."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from forged_ledger import honest

from ledger.errors import Tampered
from ledger.verify.verification import Options, Verification

FILES = {**honest().files(150), **honest().files(299)}


@dataclass
class Memory:
    """A ledger.source.Source of files that are held in memory."""

    files: dict[str, bytes] = field(default_factory=FILES.copy)

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def names(self) -> Iterator[str]:
        return iter(self.files)


def check(source: Memory, *, fast: bool) -> Tampered | None:
    report = Verification(source, None, Options(fast=fast, keys="/nonexistent")).run()
    assert report.exit_code == len(report.problems)
    return report.problems[0] if report.problems else None


def flip(name: str, place: int, *, fast: bool) -> None:
    source = Memory()
    data = bytearray(source.files[name])
    data[place] ^= random.Random(place).randint(1, 255)
    source.files[name] = bytes(data)
    problem = check(source, fast=fast)
    assert problem is not None, (name, place)
    assert problem.where == f"log/{name}" or problem.where.startswith(("entry ", "log/")), problem.where


def test_the_unchanged_files_are_good():
    assert check(Memory(), fast=False) is None


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_byte_is_found_in_a_sample_of_each_file(name):
    size = len(FILES[name])
    places = range(size) if name == "checkpoint" else random.Random(name).sample(range(size), min(size, 40))
    for place in places:
        flip(name, place, fast=True)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_byte_is_found_by_the_thorough_check_too(name):
    for place in random.Random(name).sample(range(len(FILES[name])), 3):
        flip(name, place, fast=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(FILES))
def test_a_changed_byte_is_found_at_every_place(name):
    for place in range(len(FILES[name])):
        flip(name, place, fast=True)
