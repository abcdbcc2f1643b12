"""Files are written whole or not at all, and the disk's refusals are sentences."""

import errno
import os
import threading

import pytest

from fedray.errors import EXIT_IO, StorageError
from fedray.run.folder import RunFolder
from fedray.run.storage import write_whole, writing


def test_a_file_is_replaced_by_its_new_content(tmp_path):
    file = tmp_path / "run.json"
    for content in (b"one", b"", b"two" * 1000):
        write_whole(file, content)
        assert file.read_bytes() == content
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


def test_a_reader_never_sees_a_part_of_a_file(tmp_path):
    file, versions = tmp_path / "run.json", [bytes([byte]) * 200_000 for byte in (65, 66)]
    write_whole(file, versions[0])
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(40):
            write_whole(file, versions[turn % 2])
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(file.read_bytes())
    writer.join()
    assert seen <= set(versions)


def test_a_write_that_fails_half_way_leaves_the_old_content_and_no_rubbish(tmp_path, small_files):
    file = tmp_path / "run.json"
    write_whole(file, b"old")
    with small_files(10_000), pytest.raises(StorageError, match=r"Cannot write .*run.json: File too large"):
        write_whole(file, b"new" * 10_000)
    assert file.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["run.json"]


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "raise the quota"),
        (errno.EACCES, "give this user permission"),
        (errno.EROFS, "choose a folder on a writable disk"),
        (errno.EIO, "check the path and the disk"),
    ],
)
def test_every_refusal_names_the_file_the_reason_and_the_fix(number, fix):
    with pytest.raises(StorageError) as refused, writing("the file"):
        raise OSError(number, os.strerror(number))
    assert str(refused.value).startswith(f"Cannot write the file: {os.strerror(number)}; ")
    assert fix in str(refused.value) and refused.value.exit_code == EXIT_IO


def test_a_folder_without_permission_is_named_with_the_fix(ordinary_user):
    ordinary_user.folder.chmod(0o555)
    with ordinary_user(), pytest.raises(StorageError, match=r"Permission denied; give this user permission to write"):
        write_whole(ordinary_user.folder / "run.json", b"content")


def test_runs_cannot_be_made_where_permission_is_missing(ordinary_user):
    ordinary_user.folder.chmod(0o555)
    with ordinary_user(), pytest.raises(StorageError, match=r"a new run in .*Permission denied"):
        RunFolder.create(ordinary_user.folder, "blobs")


def test_runs_cannot_be_made_in_what_is_no_folder(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(StorageError, match=r"a new run in .*Not a directory; check the path"):
        RunFolder.create(tmp_path / "runs", "blobs")
