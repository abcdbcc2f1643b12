"""YAML with line numbers, so that every complaint about a recipe can name the file and the line."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from fedray.errors import InvalidInput, StorageError

KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Source:
    """Values from one place: a file, or one ``-c`` option. ``lines``: the line of each key, by its path."""

    name: str
    values: dict[str, Any]
    lines: dict[KeyPath, int] = field(default_factory=dict)
    prefix: KeyPath = ()
    """Where the values sit in the file, e.g. ("recipe",) for the recipe inside an app.yaml."""

    def section(self, key: str) -> "Source":
        """The mapping under ``key`` as a source of its own."""
        return Source(self.name, self.values.get(key) or {}, self.lines, (*self.prefix, key))

    def where(self, path: KeyPath) -> str | None:
        """The "file:line" of the longest part of ``path`` that is written here; None when the key is not from here."""
        if not _contains(self.values, path):
            return None
        for length in range(len(path), 0, -1):
            line = self.lines.get((*self.prefix, *path[:length]))
            if line:
                return f"{self.name}:{line}"
        return self.name


def read_yaml(file: Path) -> Source:
    """Read a YAML mapping. Raises InvalidInput (with the line) for bad YAML and for a key given twice."""
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        raise StorageError(f"Cannot read {file}: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidInput(f"{file} is not UTF-8 text; save it as UTF-8 YAML.") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        lines = _lines(node, (), file) if isinstance(node, yaml.MappingNode) else {}
        values = yaml.safe_load(text) or {}
    except RecursionError:
        raise InvalidInput(f"{file} refers to itself without end; write the values out.") from None
    except (yaml.YAMLError, ValueError) as error:
        if isinstance(error, InvalidInput):
            raise
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark else ""
        raise InvalidInput(
            f"{file}{line}: not valid YAML ({getattr(error, 'problem', error)}); mend that line."
        ) from None
    if not isinstance(values, dict):
        raise InvalidInput(f"{file} holds {type(values).__name__}; it must be a mapping of keys to values.")
    return Source(str(file), values, lines)


def read_override(text: str) -> Source:
    """``key.path=value`` from the command line; the value is YAML. Raises InvalidInput for any other form."""
    key, equals, value = text.partition("=")
    path = key.strip().split(".")
    if not equals or not all(path):
        raise InvalidInput(
            f"-c '{text}' is not of the form key=value, for example -c rounds=5 or -c training.batch_size=16."
        )
    try:
        leaf = yaml.safe_load(value)
    except (yaml.YAMLError, ValueError, RecursionError):
        raise InvalidInput(
            f"-c '{text}': the value is not valid YAML; quote it, for example -c 'key=\"a: b\"'."
        ) from None
    values: Any = leaf
    for part in reversed(path):
        values = {part: values}
    return Source(f"-c {text}", values)


def merge(sources: list[Source]) -> dict[str, Any]:
    """Lay sources over each other, later ones winning key by key."""
    merged: dict[str, Any] = {}
    for source in sources:
        merged = _overlay(merged, source.values)
    return merged


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        renamed = (
            isinstance(value, dict) and isinstance(old, dict) and value.get("name", old.get("name")) != old.get("name")
        )
        both = isinstance(value, dict) and isinstance(old, dict) and not renamed
        result[key] = _overlay(old, value) if both and old is not None else value
    return result


def _contains(values: Any, path: KeyPath) -> bool:
    for key in path:
        if isinstance(values, list):
            return True  # an item of a list has no line of its own
        if not isinstance(values, dict) or key not in values:
            return False
        values = values[key]
    return True


def _lines(node: yaml.MappingNode, path: KeyPath, file: Path) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    for key_node, value_node in node.value:
        here = (*path, str(key_node.value))
        line = key_node.start_mark.line + 1
        if here in lines:
            raise InvalidInput(
                f"{file}:{line}: the key '{'.'.join(here)}' is given twice (first on line {lines[here]}); keep one."
            )
        lines[here] = line
        if isinstance(value_node, yaml.MappingNode):
            lines |= _lines(value_node, here, file)
    return lines
