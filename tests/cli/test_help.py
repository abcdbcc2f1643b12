"""Help is instant and complete: no verb's help loads anything heavy."""

import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from fedray import __version__
from fedray.cli.main import main

VERBS = ["submit", "resume", "stop", "runs", "show", "config", "new", "ledger", "doctor"]
LEDGER_VERBS = [
    *[[verb] for verb in ("init", "append", "show", "prove", "verify", "audit", "balance", "checkpoint", "compare")],
    *[[verb] for verb in ("transfer", "stake", "unstake", "serve", "export", "repair")],
    *[["contribute", what] for what in ("data", "model", "update", "compute", "algorithm")],
    *[["key", verb] for verb in ("new", "show", "of", "rotate")],
    *[["account", verb] for verb in ("register", "rotate", "revoke", "list")],
    *[["witness", verb] for verb in ("cosign", "feed", "serve")],
    ["receipt", "verify"],
]
HEAVY = ["torch", "ray", "pydantic", "numpy", "yaml", "rich", "cryptography", "matplotlib"]
ASK = """
import contextlib, io, json, sys
from fedray.cli.main import main
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main(arguments)
    assert "Usage: " in out.getvalue(), arguments
print(json.dumps([name for name in json.loads(sys.argv[2]) if name in sys.modules]))
"""


def run(*arguments: str):
    return CliRunner().invoke(main, arguments)


def test_no_help_imports_anything_that_takes_time():
    asked = [["--help"], ["-h"], *([verb, "--help"] for verb in VERBS)]
    asked += [["ledger", *words, "--help"] for words in LEDGER_VERBS]
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(asked), json.dumps(HEAVY)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []


def test_the_first_screen_lists_every_verb_and_every_exit_code():
    shown = run("--help")
    assert shown.exit_code == 0
    assert [line.split()[0] for line in shown.stdout.split("Commands:")[1].splitlines() if line.startswith("  ")][
        : len(VERBS)
    ] == VERBS
    assert re.search(r"Exit\s+codes:\s+0\s+done,\s+1\s+failed,\s+2\s+invalid", shown.stdout)


@pytest.mark.parametrize("arguments", [[verb] for verb in VERBS] + [["ledger", *words] for words in LEDGER_VERBS])
def test_every_verb_explains_itself_and_its_options(arguments):
    shown = run(*arguments, "--help")
    assert shown.exit_code == 0
    assert shown.stdout.startswith(f"Usage: main {' '.join(arguments)}")
    assert len(shown.stdout.splitlines()) >= 5


def test_the_version_is_told():
    assert run("--version").stdout == f"fedray, version {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["train"],
        ["submit"],
        ["submit", "app", "surplus"],
        ["submit", "app", "--round", "5"],
        ["runs", "--format", "xml"],
        ["ledger", "verify"],
        ["ledger", "show", "run", "--round", "first"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_exit_code_2_with_a_hint(arguments):
    done = run(*arguments)
    assert done.exit_code == 2 and done.stdout == ""
    assert "Usage: " in done.stderr and "Error: " in done.stderr and "--help" in done.stderr
