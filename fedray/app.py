"""Finding and loading an app: a folder with ``app.yaml`` and the modules of its task, in the repository or anywhere."""

import hashlib
import importlib
import importlib.metadata
import importlib.util
import sys
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import Field, ValidationError

from fedray.errors import InvalidInput
from fedray.recipe_file import Source, read_yaml
from fedray.settings import Settings
from fedray.task import Task
from fedray.validation import explain

APP_FILE = "app.yaml"


class AppFile(Settings):
    """What ``app.yaml`` holds."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$", description="lower-case name, used for run folders")
    description: str = ""
    task: str = Field(pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_]\w*$", description="module:Class inside the app folder")
    requires: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$", description="a package name")], ...] = Field(
        (), description="names of Python packages the task imports, beyond fedray's own, without versions"
    )
    recipe: dict[str, Any] = Field(default_factory=dict, description="this app's defaults for the recipe")


@dataclass(frozen=True)
class App:
    """An app that was found and whose ``app.yaml`` is valid; its code is not loaded yet."""

    folder: Path
    file: AppFile
    source: Source

    @staticmethod
    def find(folder: Path) -> "App":
        """Read the app in ``folder``. Raises InvalidInput when the folder is none."""
        if not (folder / APP_FILE).is_file():
            what = "has no app.yaml" if folder.is_dir() else "is a file" if folder.exists() else "does not exist"
            raise InvalidInput(
                f"'{folder}' is no app: the folder {what}; give a folder with an app.yaml, such as apps/seismic, "
                f"or make one with 'fedray new NAME'."
            )
        source = read_yaml(folder / APP_FILE)
        try:
            return App(folder.resolve(), AppFile.model_validate(source.values), source)
        except ValidationError as error:
            raise InvalidInput(explain(error, AppFile, [source])) from None

    def load_task(self) -> type[Task]:
        """Import the task class. Raises InvalidInput when a required package or the class itself is missing."""
        self._check_requirements()
        module_name, class_name = self.file.task.split(":")
        module = _import(self.folder, self.file.name, module_name)
        task = getattr(module, class_name, None)
        if not (isinstance(task, type) and issubclass(task, Task)):
            raise InvalidInput(
                f"{self.folder / APP_FILE}: task = '{self.file.task}', but {module.__file__} has no class "
                f"'{class_name}' derived from fedray.task.Task; name one that exists."
            )
        return task

    def code_digest(self) -> str:
        """SHA-256 (hex) over the relative path and content of every .py and .yaml file of the app, in path order."""
        hasher = hashlib.sha256()
        runs = {file.parent for file in self.folder.rglob("run.json")}
        found = [path for pattern in ("*.py", "*.yaml") for path in self.folder.rglob(pattern)]
        files = [path for path in found if runs.isdisjoint(path.parents)]
        for path in sorted(files):
            content = path.read_bytes()
            hasher.update(f"{path.relative_to(self.folder).as_posix()}\n{len(content)}\n".encode() + content)
        return hasher.hexdigest()

    def _check_requirements(self) -> None:
        missing = [name for name in self.file.requires if not _installed(name)]
        if missing:
            raise InvalidInput(
                f"The app '{self.file.name}' needs {', '.join(missing)}, which this Python does not have: "
                f"run 'pip install {' '.join(missing)}'."
            )


def _installed(distribution: str) -> bool:
    try:
        importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _import(folder: Path, name: str, module: str) -> ModuleType:
    package = f"fedray_app_{name.replace('-', '_')}"
    known = sys.modules.get(package)
    if known is None or list(known.__path__) != [str(folder)]:
        for loaded in [key for key in sys.modules if key == package or key.startswith(package + ".")]:
            del sys.modules[loaded]
        spec = ModuleSpec(package, None, is_package=True)
        spec.submodule_search_locations = [str(folder)]
        sys.modules[package] = importlib.util.module_from_spec(spec)
    try:
        return importlib.import_module(f"{package}.{module}")
    except ModuleNotFoundError as error:
        if not f"{package}.{module}.".startswith(f"{error.name}."):
            raise
        raise InvalidInput(
            f"{folder / APP_FILE}: task names the module '{module}', but there is no {folder / module}.py; "
            f"name a module that exists."
        ) from None
