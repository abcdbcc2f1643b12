"""Where a command finds the ledger, the keys and whom to trust: arguments that many verbs share."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote, unquote

import click

from fedray.cli.options import runs_option

if TYPE_CHECKING:
    from ledger.keys import SigningKey
    from ledger.policy import Policy

Command = TypeVar("Command", bound=Callable[..., Any])
File = click.Path(path_type=Path, dir_okay=False)
GivenFile = click.Path(path_type=Path, dir_okay=False, exists=True)
Folder = click.Path(path_type=Path, file_okay=False)


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


def trust_options(command: Command, *names: str) -> Command:
    """--log (and other `names` for it) and --policy, for `trusted`."""
    log = click.option(
        "--log", *names, "logs", metavar="VKEY", multiple=True, help="A log key you trust; may be repeated."
    )
    policy = click.option("--policy", metavar="FILE", type=GivenFile, help="A trust policy (C2SP tlog-policy).")
    return log(policy(command))


def key_or_policy(command: Command) -> Command:
    """The same, where no key of one's own is asked for: --key is the log's, too."""
    return trust_options(command, "--key")


def find(text: str, runs: Path | None, keys: Path | None) -> Place:
    """The ledger that LEDGER names; NotALedger or fedray's InvalidInput when there is none."""
    from fedray.errors import InvalidInput
    from fedray.run.folder import RunFolder, runs_folder
    from ledger.errors import NotALedger

    if text.startswith(("http://", "https://")):
        return Place(text.rstrip("/"), keys)
    path = Path(text)
    if path.is_dir() and not (path / "run.json").exists():
        return Place(path, keys or _run_keys(path.absolute().parent))
    if path.is_file() or (not path.exists() and (path.is_absolute() or len(path.parts) > 1)):
        raise NotALedger(f"{text} is no ledger: it is no folder; name a ledger's folder, a run, or 'latest'.")
    run = RunFolder.find(runs_folder(runs), text)
    if not run.ledger.exists():
        raise InvalidInput(f"Run {run.path.name} kept no ledger; train with -c ledger.enabled=true to have one.")
    return Place(run.ledger, keys or _run_keys(run.path))


def _run_keys(run: Path) -> Path | None:
    return run / "keys" if (run / "run.json").is_file() and (run / "keys").is_dir() else None


def new_key_file(text: str, keys: Path | None) -> Path:
    """Where a key of this name, or path, is to be."""
    from ledger.keyring import KeyRing

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


def trusted(logs: tuple[str, ...], policy: Path | None) -> "Policy | None":
    """The policy that --policy and --log give; None when neither does."""
    from ledger.errors import Refused
    from ledger.policy import Policy
    from ledger.vkey import VerifierKey

    if logs and policy:
        raise Refused("--log and --policy both say whom to trust; give one of them.")
    if policy:
        return Policy.parse(content(policy))
    return Policy(tuple(map(VerifierKey.parse, logs))) if logs else None


def content(path: Path) -> bytes:
    """A file's bytes; LedgerIOError when it cannot be read."""
    from ledger.fs import reported

    with reported(f"reading {path}"):
        return path.read_bytes()
