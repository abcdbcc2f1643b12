"""Checks of the machine and the installation, each with its finding and, where needed, its fix."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fedray.run.folder import runs_folder

GIB = 1024**3
_NEEDED = ("torch", "ray", "numpy", "safetensors", "pydantic", "cryptography", "click", "rich")
_EXTRAS = {"matplotlib": "plots", "deepwave": "seismic", "tensorboard": "tensorboard", "mlflow": "mlflow"}


@dataclass(frozen=True)
class Finding:
    """One check. ``fix`` is empty when nothing is to be done."""

    what: str
    found: str
    verdict: Literal["ok", "note", "bad"] = "ok"
    fix: str = ""


def examine() -> list[Finding]:
    """All checks, in reading order."""
    return [_python(), *_packages(), *_extras(), _cpus(), _gpu(), _memory(), *_disks(), _shared_memory(), _ray()]


def _python() -> Finding:
    return Finding("python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _packages() -> list[Finding]:
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        fix = "run 'pip install fedray' in this environment"
        return [Finding("packages", f"missing: {', '.join(missing)}", "bad", fix)]
    versions = (f"{name} {importlib.metadata.version(name)}" for name in ("torch", "ray", "numpy"))
    return [Finding("packages", ", ".join(versions))]


def _extras() -> list[Finding]:
    have = [name for name in _EXTRAS if importlib.util.find_spec(name)]
    lack = [f"fedray[{extra}]" for name, extra in _EXTRAS.items() if name not in have]
    there = ", ".join(have) or "none"
    return [Finding("extras", there, "ok", f"pip install '{' '.join(lack)}' for more" if lack else "")]


def _cpus() -> Finding:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    load = os.getloadavg()[0]
    if load > usable * 1.5:
        return Finding("cpus", f"{usable} usable, load {load:.1f}", "note", "other programs use them; runs take longer")
    return Finding("cpus", f"{usable} usable, load {load:.1f}; one worker each by default")


def _gpu() -> Finding:
    import torch

    if torch.cuda.is_available():
        return Finding("gpu", torch.cuda.get_device_name(), "note", "fedray trains on CPUs so far; it will not be used")
    return Finding("gpu", "none (fedray trains on CPUs so far)")


def _memory() -> Finding:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    verdict: Literal["ok", "bad"] = "ok" if total >= 4 * GIB else "bad"
    fix = "" if verdict == "ok" else "Ray and torch need about 4 GiB; use runtime=in-process or a larger machine"
    return Finding("memory", f"{total / GIB:.0f} GiB", verdict, fix)


def _disks() -> list[Finding]:
    places = {"runs": runs_folder(None), "temp": Path(tempfile.gettempdir())}
    return [_disk(what, place) for what, place in places.items()]


def _disk(what: str, place: Path) -> Finding:
    there = next(parent for parent in (place.absolute(), *place.absolute().parents) if parent.exists())
    if not os.access(there, os.W_OK):
        return Finding(what, f"{there} is not writable", "bad", "choose another folder with --runs or $FEDRAY_RUNS")
    free = shutil.disk_usage(there).free
    if free < GIB:
        return Finding(what, f"{free / GIB:.1f} GiB free in {there}", "bad", "free some space")
    return Finding(what, f"{free / GIB:.0f} GiB free in {there}")


def _shared_memory() -> Finding:
    shm = Path("/dev/shm")
    if not shm.is_dir():
        return Finding("shared", "no /dev/shm on this system", "ok")
    free = shutil.disk_usage(shm).free
    if free < GIB:
        fix = "Ray keeps models there; enlarge it (docker: --shm-size=2g) or expect slower rounds"
        return Finding("shared", f"{free / GIB:.1f} GiB free in {shm}", "note", fix)
    return Finding("shared", f"{free / GIB:.0f} GiB free in {shm}")


def _ray() -> Finding:
    from fedray.runtime.ray_runtime import reachable_cluster

    address = reachable_cluster()
    return Finding("ray", f"cluster at {address}: runs join it" if address else "no cluster here: runs start their own")
