"""What a disk may hold after the power failed, by the letter of POSIX.

`Recorder` notes every system call that changes files. Replayed up to any of them, a `Crash` decides what has become of
those that no fsync had made durable: data is durable once its file is synced, a name once its folder is. The rest is
lost, kept, torn at any byte, or zeros, each on its own: file systems keep more order than that, but promise none.
"""

import errno
import os
import threading
from pathlib import Path

LOST, KEPT = "lost", "kept"
CALLS = ("open", "close", "pwrite", "write", "ftruncate", "fsync", "fdatasync", "link", "unlink", "mkdir", "rmdir")


class File:
    def __init__(self, data=b""):
        self.durable, self.waiting = data, []

    def sync(self):
        self.durable, self.waiting = self.after(lambda change: KEPT), []

    def after(self, fate):
        """Its content when each change that is not durable meets its fate: lost, kept, or (kind, bytes arrived)."""
        data = self.durable
        for change in self.waiting:
            at, new = change
            what = fate(change)
            if what == LOST:
                continue
            if new is None:
                data = data[:at]
                continue
            if what != KEPT:
                kind, length = what
                new = new[:length] if kind == "torn" else new[:length] + bytes(len(new) - length)
            data = data[:at].ljust(at, b"\0") + new + data[at + len(new) :]
        return data


class Folder:
    def __init__(self):
        self.durable, self.waiting, self.now = {}, [], {}

    def change(self, *names):
        """`names` are (name, what it names from now on, None for nothing); they change together or not at all."""
        self.waiting.append(names)
        _apply(self.now, names)

    def sync(self):
        self.durable, self.waiting = dict(self.now), []

    def after(self, fate):
        names = dict(self.durable)
        for change in self.waiting:
            if fate(change) == KEPT:
                _apply(names, change)
        return names


def _apply(names, change):
    for name, node in change:
        names.pop(name, None) if node is None else names.__setitem__(name, node)


def scan(path):
    """What is at `path`, all of it durable."""
    if path.is_file():
        return File(path.read_bytes())
    folder = Folder()
    for child in path.iterdir():
        folder.now[child.name] = scan(child)
    folder.sync()
    return folder


def files(folder, fate=lambda change: KEPT, prefix=""):
    """{path: content, None for a folder} when what is not durable meets its fate."""
    found = {}
    for name, node in sorted(folder.after(fate).items()):
        if isinstance(node, File):
            found[prefix + name] = node.after(fate)
        else:
            found[prefix + name] = None
            found |= files(node, fate, f"{prefix}{name}/")
    return found


def build(found, base):
    """Write such files below the new folder `base`."""
    base.mkdir()
    for name, data in found.items():
        path = base / name
        if data is None:
            path.mkdir()
        else:
            path.write_bytes(data)
            path.chmod(0o600)


class PowerCut(OSError):
    """Nothing reaches the disk any more: the process is as good as dead."""


class Recorder:
    """`with Recorder(base):` notes what happens to the files below `base`, in this process; `dies_at` a given call."""

    def __init__(self, base):
        self.base, self.root = Path(base), scan(Path(base))
        self.calls, self.dies_at = 0, None
        self.fails, self.failed, self._too_late = {}, [], False  # {call: "before" or "after" it reached the disk}
        self.watch = lambda name: None  # told of every call that changes something, before it is made
        self._handles, self._busy, self._real = {}, threading.RLock(), {}

    def __enter__(self):
        for name in (*CALLS, "rename", "replace"):
            self._real[name] = getattr(os, name)
            setattr(os, name, self._noting(name))
        return self

    def __exit__(self, *error):
        for name, real in self._real.items():
            setattr(os, name, real)

    def same_as_disk(self):
        """Whether nothing has escaped its notice: with everything kept, the model is what the disk shows."""
        return files(self.root) == files(scan(self.base))

    def _noting(self, name):
        real, note = self._real[name], getattr(self, f"_{name}")

        def call(*given, **named):
            with self._busy:
                self._too_late = False
                result = note(lambda: real(*given, **named), *given, **named)
                if self._too_late:
                    self.failed.append(name)
                    raise PowerCut(errno.EIO, "it is written, but the disk says otherwise")
                return result

        return call

    def _about_to(self, name):
        if self.dies_at is not None and self.calls >= self.dies_at:
            raise PowerCut(errno.EIO, "the power is off")
        self.calls += 1
        when = self.fails.get(self.calls - 1)
        self._too_late = when == "after"
        if when == "before":
            self.failed.append(name)
            raise PowerCut(errno.EIO, "the disk refuses")
        self.watch(name)

    def _find(self, path):
        """(folder, name, what is there) in the model; None when the path is elsewhere."""
        try:
            parts = Path(path).absolute().relative_to(self.base).parts
        except (TypeError, ValueError):
            return None
        node = self.root
        for part in parts[:-1]:
            node = node.now.get(part)
            if node is None:
                return None  # the system will say that there is no such file
        return (node, parts[-1], node.now.get(parts[-1])) if parts else (None, "", self.root)

    def _open(self, real, path, flags, *more, **named):
        found = self._find(path)
        if found is None:
            return real()
        folder, name, node = found
        if flags & os.O_CREAT and node is None:
            self._about_to("open")
            node = File()
            handle = real()
            folder.change((name, node))
        else:
            assert not flags & os.O_TRUNC, "not modelled"
            handle = real()
        self._handles[handle] = node
        return handle

    def _close(self, real, handle):
        self._handles.pop(handle, None)
        return real()

    def _pwrite(self, real, handle, data, at):
        return self._written(real, "pwrite", handle, data, at)

    def _write(self, real, handle, data):
        assert handle not in self._handles, "not modelled"
        return real()

    def _written(self, real, name, handle, data, at):
        node = self._handles.get(handle)
        if node is not None:
            self._about_to(name)
        written = real()
        if node is not None:
            node.waiting.append((at, bytes(data[:written])))
        return written

    def _ftruncate(self, real, handle, size):
        node = self._handles.get(handle)
        if node is not None:
            self._about_to("ftruncate")
            node.waiting.append((size, None))
        return real()

    def _fsync(self, real, handle):
        node = self._handles.get(handle)
        if node is not None:
            self._about_to("fsync")
            node.sync()
        return real() if node is None else None  # the model is the disk here, and waiting for the real one is slow

    _fdatasync = _fsync

    def _change(self, real, name, *paths, names):
        if self._find(paths[0]) is None:
            return real()
        self._about_to(name)
        result = real()
        folder, changes = names(*map(self._find, paths))
        folder.change(*changes)
        return result

    def _link(self, real, old, new):
        return self._change(real, "link", old, new, names=lambda old, new: (new[0], [(new[1], old[2])]))

    def _unlink(self, real, path, **named):
        assert not named, "not modelled"
        return self._change(real, "unlink", path, names=lambda old: (old[0], [(old[1], None)]))

    _rmdir = _unlink

    def _mkdir(self, real, path, *mode):
        return self._change(real, "mkdir", path, names=lambda new: (new[0], [(new[1], Folder())]))

    def _rename(self, real, old, new):
        def names(old, new):
            assert old[0] is new[0], "not modelled"
            return old[0], [(old[1], None), (new[1], old[2])]

        return self._change(real, "rename", old, new, names=names)

    _replace = _rename
