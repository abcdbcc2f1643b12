"""An exception as data: where it happened in the user's own code, whole, and able to cross processes."""

import importlib.util
import pickle
from pathlib import Path

import pytest

from fedray.errors import EXIT_INVALID, InvalidInput
from fedray.runtime.failure import Failure

CODE = """
def outer(step):
    return inner(step)

def inner(step):
    return step()
"""


@pytest.fixture
def own(tmp_path: Path):
    """A module of the user's, in a folder of its own."""
    file = tmp_path / "mine" / "own.py"
    file.parent.mkdir()
    file.write_text(CODE)
    spec = importlib.util.spec_from_file_location("own", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failure_of(call) -> Failure:
    try:
        call()
    except Exception as error:
        return Failure.of(error)
    raise AssertionError("nothing was raised")


def test_frames_go_from_the_outermost_call_to_where_it_was_raised(own):
    failure = failure_of(lambda: own.outer(lambda: {}["gone"]))
    functions = [frame.function for frame in failure.frames]
    assert functions[-4:] == ["<lambda>", "outer", "inner", "<lambda>"]
    assert (failure.kind, failure.message) == ("KeyError", "'gone'")
    inner = failure.frames[-2]
    assert (inner.file, inner.line, inner.source) == (own.__file__, 6, "return step()")


def test_the_users_own_frames_come_first_innermost_on_top(own):
    failure = failure_of(lambda: own.outer(lambda: {}["gone"]))
    frames = failure.own_first(Path(own.__file__).parent)
    assert [(frame.function, frame.line) for frame in frames] == [("inner", 6), ("outer", 3)]


def test_all_frames_are_shown_when_none_is_the_users_own(own):
    failure = failure_of(lambda: own.outer(lambda: {}["gone"]))
    frames = failure.own_first(Path("/nowhere"))
    assert frames == tuple(reversed(failure.frames))


def test_a_folder_with_a_similar_name_is_not_the_users_own(own):
    failure = failure_of(lambda: own.outer(lambda: {}["gone"]))
    similar = Path(own.__file__).parent.with_name("min")
    assert failure.own_first(similar) == tuple(reversed(failure.frames))


def test_a_failure_survives_the_way_between_processes(own):
    failure = failure_of(lambda: own.outer(lambda: {}["gone"]))
    assert pickle.loads(pickle.dumps(failure)) == failure


def test_fedrays_own_errors_are_marked_as_expected_and_keep_their_exit_code():
    def refuse() -> None:
        raise InvalidInput("no")

    failure = failure_of(refuse)
    assert failure.expected and failure.exit_code == EXIT_INVALID
    assert not failure_of(lambda: 1 / 0).expected and failure_of(lambda: 1 / 0).exit_code == 1


def test_notes_on_an_exception_become_its_context():
    error = ValueError("bad")
    error.add_note("user 3 in round 2")
    assert Failure.of(error).context == "user 3 in round 2"


def test_an_error_whose_class_cannot_be_pickled_still_crosses_processes():
    class Local(Exception):
        pass

    def fail() -> None:
        raise Local("kept")

    failure = pickle.loads(pickle.dumps(failure_of(fail)))
    assert (failure.kind, failure.message) == ("Local", "kept")
