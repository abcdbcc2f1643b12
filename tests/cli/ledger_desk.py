"""A desk to work at in the tests of ``fedray ledger``: an empty folder, a key folder, and the command itself."""

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from fedray.cli.ledger.lines import format_line
from fedray.cli.main import main
from ledger import sign
from ledger.keyring import KeyRing
from ledger.note import NoteSigner

ORIGIN = "example.org/book"
RUN = "first"


def digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


class Desk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.book, self.keys = folder / "book", folder / "keys"
        self.env = {"FEDRAY_KEYS": str(self.keys), "COLUMNS": "100"}

    def fedray(self, *arguments: object, input: str | bytes | None = None) -> Result:
        words = ["ledger", *map(str, arguments)]
        return CliRunner(env=self.env).invoke(main, words, input=input, catch_exceptions=False)

    def good(self, *arguments: object, input: str | bytes | None = None) -> str:
        done = self.fedray(*arguments, input=input)
        assert done.exit_code == 0, done.output
        return done.stdout

    def json(self, *arguments: object, input: str | bytes | None = None) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.good(*arguments, "--json", input=input).splitlines()]

    def text(self, *arguments: object, input: str | bytes | None = None) -> str:
        return self.good(*arguments, "--format", "text", input=input)

    def begin(self) -> dict[str, Any]:
        """A ledger with nothing but its genesis; what `init` said."""
        return self.json("init", self.book, "--origin", ORIGIN)[0]

    @property
    def vkey(self) -> str:
        return str(NoteSigner(ORIGIN, KeyRing(self.keys).key(ORIGIN)).vkey)

    def operate(self, kind: str, **fields: Any) -> str:
        """A statement line by the operator."""
        return format_line(sign(KeyRing(self.keys).key(ORIGIN), kind, ORIGIN, **fields)) + "\n"

    def key(self, name: str) -> str:
        """A participant's key; who it is."""
        return self.json("key", "new", name)[0]["who"]

    def file(self, name: str, content: str = "") -> Path:
        path = self.folder / name
        path.write_text(content or name)
        return path

    def open_round(self) -> None:
        """A run whose first round is open."""
        lines = self.operate("run.open", run=RUN, recipe=digest("recipe"), created_by="test", staleness=0)
        lines += self.operate("model.publish", run=RUN, round=0, parent="", model=digest("model 0"))
        lines += self.operate("round.open", run=RUN, round=1, parent=digest("model 0"), users=2)
        self.good("append", self.book, "-", input=lines)

    def train(self, *names: str) -> None:
        """One whole round by participants of these names, closed."""
        self.open_round()
        for name in names:
            self.key(name)
            update = self.file(f"{name}.safetensors")
            self.good("contribute", "data", self.book, self.file(f"{name}.data"), "--key", name, "--examples", 30)
            self.good("contribute", "update", self.book, update, "--key", name)
        head = self.json("checkpoint", self.book)[0]
        for name in names:
            update = self.folder / f"{name}.safetensors"
            self.good("contribute", "update", self.book, update, "--key", name, "--reveal")
        close = self.operate(
            "round.close", run=RUN, round=1, parent=digest("model 0"), model=digest("model 1"), updates=len(names),
            examples=30 * len(names), revealed=len(names), head_size=head["size"], head_root=head["root"],
            cosignatures=[],
        )  # fmt: skip
        self.good("append", self.book, "-", input=close)
