"""The metrics of a run, one JSON line each in ``metrics.jsonl``: training lines and test lines of every round."""

import json
from pathlib import Path
from typing import Any

from fedray.errors import StorageError
from fedray.run.storage import to_json, write_whole, writing

Line = dict[str, Any]


class History:
    """Appends to and reads ``metrics.jsonl``."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def add(self, line: Line) -> None:
        """Append one line. A crash can tear only the last one, which reading leaves out."""
        with writing(str(self._file)), self._file.open("ab") as stream:
            stream.write((to_json(line) + "\n").encode())

    def lines(self) -> list[Line]:
        """All whole lines, oldest first."""
        if not self._file.exists():
            return []
        text = self._file.read_text()
        try:
            return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
        except ValueError as error:
            raise StorageError(f"{self._file} is damaged ({error}); restore it or remove the run.") from None

    def rounds(self) -> list[Line]:
        """One line a round, test metrics beside training's, in order of rounds."""
        merged: dict[int, Line] = {}
        for line in self.lines():
            merged.setdefault(line["round"], {}).update(line)
        return [{key: value for key, value in merged[number].items() if key != "kind"} for number in sorted(merged)]

    def cut_after(self, round: int) -> None:
        """Forget every line of later rounds, which a resumed run will write again."""
        kept = [line for line in self.lines() if line["round"] <= round]
        write_whole(self._file, "".join(to_json(line) + "\n" for line in kept).encode())
