"""Where a command finds the ledger, the keys and whom to trust: arguments that many verbs share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

import click

from fedray.cli.options import runs_option

if TYPE_CHECKING:
    from ledger.keys import SigningKey

Command = TypeVar("Command", bound=Callable[..., Any])
File = click.Path(path_type=Path, dir_okay=False)
GivenFile = click.Path(path_type=Path, dir_okay=False, exists=True)
Folder = click.Path(path_type=Path, file_okay=False)
_MOST_BYTES = 1 << 20  # of a checkpoint, receipt, policy, entry


@dataclass(frozen=True)
class Place:
    """A ledger's folder, or the address of a served log; and the key folder, None for the default one."""

    where: Path | str
    keys: Path | None

    @property
    def folder(self) -> Path:
        """The folder; Refused for an address, where nothing can be written."""
        from ledger.errors import Refused

        if isinstance(self.where, str):
            raise Refused(f"{self.where} is served by someone else; this needs the ledger's folder.")
        return self.where

    def __str__(self) -> str:
        return str(self.where)


def ledger_argument(command: Command) -> Command:
    """LEDGER, --runs and --keys, which the command gets as one `place: Place`."""

    @wraps(command)
    def located(*arguments: Any, ledger: str, runs: Path | None, keys: Path | None, **options: Any) -> Any:
        return command(*arguments, place=find(ledger, runs, keys), **options)

    return click.argument("ledger", metavar="LEDGER")(runs_option(keys_option(located)))  # type: ignore[return-value]


def keys_option(command: Command) -> Command:
    """--keys."""
    text = "The key folder [default: the run's, else $FEDRAY_KEYS, else ~/.config/fedray/keys]."
    return click.option("--keys", metavar="FOLDER", type=Folder, help=text)(command)


def key_option(command: Command) -> Command:
    """--key NAME|FILE: whose signature it is to be."""
    text = "Your key: a file, or a name in the key folder (fedray ledger key new)."
    return click.option("--key", "key", metavar="NAME|FILE", required=True, help=text)(command)


def find(text: str, runs: Path | None, keys: Path | None) -> Place:
    """The ledger that LEDGER names; NotALedger or fedray's InvalidInput when there is none."""
    from fedray.errors import InvalidInput
    from fedray.run.folder import RunFolder, runs_folder
    from ledger.errors import NotALedger

    if text.startswith(("http://", "https://")):
        return Place(_address(text), keys)
    path = Path(text)
    if path.is_dir() and not (path / "run.json").exists():
        return Place(path, keys or _run_keys(path.absolute().parent))
    if path.is_file() or (not path.exists() and (path.is_absolute() or len(path.parts) > 1)):
        raise NotALedger(f"{text} is no ledger: it is no folder; name a ledger's folder, a run, or 'latest'.")
    try:
        run = RunFolder.find(runs_folder(runs), text)
    except InvalidInput as error:
        raise InvalidInput(f"There is no ledger's folder {text!r}, and {error}") from None
    if not run.ledger.exists():
        raise InvalidInput(f"Run {run.path.name} kept no ledger; train with -c ledger.enabled=true to have one.")
    return Place(run.ledger, keys or _run_keys(run.path))


def _address(text: str) -> str:
    """A served log's address, without the slash at its end; Refused when it names no host."""
    from ledger.errors import Refused

    try:
        host = urlsplit(text).hostname
    except ValueError:
        host = None
    if not host:
        raise Refused(f"{text!r} is no address; write it like http://127.0.0.1:8000")
    return text.rstrip("/")


def _run_keys(run: Path) -> Path | None:
    return run / "keys" if (run / "run.json").is_file() and (run / "keys").is_dir() else None


def new_key_file(text: str, keys: Path | None) -> Path:
    """Where a key of this name, or path, is to be; Refused for an empty one."""
    from ledger.errors import Refused
    from ledger.keyring import KeyRing

    if not text.strip():
        raise Refused("a key's name is empty; give a name, or a path.")
    is_path = text.startswith(("./", "../", "/", "~")) or text.endswith(".key")
    return Path(text).expanduser() if is_path else KeyRing(keys).folder / f"{quote(text, safe='')}.key"


def key_file(text: str, keys: Path | None) -> Path:
    """The file of a key given by name or path, whether it is there or not.

    A name is looked for in the key folder, then in the default one (a run's key folder has the operator's keys only).
    """
    path = new_key_file(text, keys)
    others = (other for other in (path, new_key_file(text, None), Path(text)) if other.is_file())
    return next(others, path)


def key_name(path: Path) -> str:
    """What a key is called, by its file."""
    return unquote(path.stem)


def load_key(text: str, keys: Path | None) -> "SigningKey":
    """The key given by name or path; Refused when there is none, or others may read it."""
    from ledger.errors import Refused
    from ledger.keys import SigningKey

    path = key_file(text, keys)
    if not path.exists():
        raise Refused(f"there is no key {text!r} ({path} does not exist); make one: fedray ledger key new {text}")
    return SigningKey.load(path)


def content(path: Path) -> bytes:
    """A file's bytes; LedgerIOError when it cannot be read, Refused when it is larger than anything of a ledger's."""
    from ledger.errors import Refused
    from ledger.fs import reported

    with reported(f"reading {path}"), path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise Refused(f"{path} is larger than {_MOST_BYTES} bytes, so it is no such file; name another.")
    return data
