"""What tests need that open a log thousands of times."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest


@pytest.fixture
def fast_disk(tmp_path):
    """A folder in memory where there is one: what is tested here is the order of calls, not the disk's speed."""
    if not os.access("/dev/shm", os.W_OK):
        yield tmp_path
        return
    folder = Path(tempfile.mkdtemp(dir="/dev/shm"))
    yield folder
    shutil.rmtree(folder)
