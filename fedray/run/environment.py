"""What a run was made with: versions, machine, command. Written to ``environment.json``."""

import importlib.metadata
import os
import platform
import sys
from contextlib import suppress
from typing import Any

from fedray import __version__

_PACKAGES = ("torch", "ray", "numpy", "safetensors", "pydantic", "cryptography")


def environment(requires: tuple[str, ...] = ()) -> dict[str, Any]:
    """Versions of Python, fedray, its main dependencies and the app's, and what the machine is."""
    versions: dict[str, str] = {"fedray": __version__}
    for name in (*_PACKAGES, *requires):
        with suppress(importlib.metadata.PackageNotFoundError):
            versions[name] = importlib.metadata.version(name)
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cpus": os.cpu_count(),
        "command": sys.argv,
        "versions": versions,
    }
