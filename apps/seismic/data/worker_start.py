"""The first thing a new worker process runs: it makes the app importable there, so that its jobs can be unpickled.

fedray imports an app folder under a name of its own, which another process cannot find by itself. For that reason the
parent names this file by its path, for ``runpy.run_path`` with the globals ``package``, ``folder`` and ``stop``.
"""

import importlib.util
import sys
from importlib.machinery import ModuleSpec
from typing import Any

given: dict[str, Any] = globals()

try:
    importlib.import_module(given["package"])
except ModuleNotFoundError:
    spec = ModuleSpec(given["package"], None, is_package=True)
    spec.submodule_search_locations = [given["folder"]]
    sys.modules[given["package"]] = importlib.util.module_from_spec(spec)
importlib.import_module(given["package"] + ".data.worker").start(given["stop"])
