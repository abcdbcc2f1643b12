"""A run in this process never touches Ray: a breakpoint works, and so does a machine without Ray."""

import subprocess
import sys

SUBMIT = """
import sys
from pathlib import Path
from fedray.run.start import submit
ended = submit(Path(sys.argv[1]), Path(sys.argv[2]), [])
assert ended.rounds == 1 and ended.metrics
print(sorted(name for name in sys.modules if name == "ray" or name.startswith("ray.")))
"""


def test_a_whole_run_in_process_never_imports_ray(make_app, tmp_path):
    app = make_app(recipe={"rounds": 1})
    done = subprocess.run([sys.executable, "-c", SUBMIT, app, tmp_path / "runs"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "[]\n"
