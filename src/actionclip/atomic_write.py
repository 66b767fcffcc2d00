"""A file or a folder is replaced as a whole, or not at all.

It is written under an unused name beside its destination, synced to the disk, and takes the place
of what was there in one step. So any number of threads, processes and containers may write the
same path: readers get one of the versions, also after a crash of the machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS


def write(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file, replacing one of the same name.

    Args:
        path: of the file.
        content: all of it.
        durable: wait until it is on the disk; without, a crash of the machine may damage it.

    Raises:
        OSError: the folder does not exist or is not writable, or the disk is full.
    """
    with replacing(path, durable=durable) as unfinished:
        unfinished.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    r"""Write text as UTF-8, as `write` does; what UTF-8 cannot encode is escaped, as "\udcff"."""
    write(path, text.encode(errors="backslashreplace"))


def check_folder(path: Path) -> None:
    """Raise FileNotFoundError if there is no folder to write this file into."""
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; make it first")


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[Path]:
    """Give the path at which to create the new file or folder; it replaces `path` afterwards.

    Usage: `with replacing(path) as unfinished: unfinished.write_bytes(...)`. After an exception in
    the block nothing has changed. A folder replaces a folder with all that was in it.

    Raises:
        OSError: the folder does not exist or is not writable, or the disk is full.
    """
    unfinished = path.with_name(f".unfinished-{secrets.token_hex(8)}")
    try:
        yield unfinished
        _set_usual_mode(unfinished)
        if durable:
            _sync_all(unfinished)
        if unfinished.is_dir() and path.is_dir():
            _replace_folder(unfinished, path)
        else:
            unfinished.replace(path)
        if durable:
            sync(path.parent)
    except OSError as error:
        if str(error.filename) == str(unfinished):
            error.filename = str(path)  # the name that was given
        raise
    finally:
        if unfinished.is_dir():
            shutil.rmtree(unfinished, ignore_errors=True)
        else:
            unfinished.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's list of files, is on the disk.

    Does nothing for a folder on systems that cannot open folders (Windows).
    """
    is_folder = path.is_dir()
    try:
        descriptor = os.open(path, os.O_RDONLY if is_folder else os.O_RDWR)
    except PermissionError:
        if is_folder:
            return
        raise
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _set_usual_mode(path: Path) -> None:
    """Give files the permissions of `open`; some writers (safetensors) leave them private."""
    example = path.with_name(f"{path.name}-mode")  # reading the umask changes it for all threads
    example.touch(exist_ok=False)
    mode = example.stat().st_mode
    example.unlink()
    for file in path.rglob("*") if path.is_dir() else [path]:
        if file.is_file():
            file.chmod(stat.S_IMODE(mode))


def _sync_all(path: Path) -> None:
    if path.is_dir():
        for entry in path.iterdir():
            _sync_all(entry)
    sync(path)


def _replace_folder(new: Path, old: Path) -> None:
    """Exchange two folders; where the system cannot, `old` is absent for a moment."""
    if exchange(new, old):
        return
    away = old.with_name(f".unfinished-{secrets.token_hex(8)}")
    old.rename(away)
    try:
        new.rename(old)
    except OSError:
        away.rename(old)
        raise
    shutil.rmtree(away, ignore_errors=True)


def exchange(one: Path, other: Path) -> bool:
    """Exchange two paths in one step; False where the system or its file system cannot."""
    paths = os.fsencode(one), os.fsencode(other)
    with contextlib.suppress(AttributeError, OSError):  # no such library, no such function
        library = ctypes.CDLL(None)
        if sys.platform == "linux":
            return library.renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], _EXCHANGE) == 0
        if sys.platform == "darwin":
            return library.renamex_np(*paths, _EXCHANGE) == 0
    return False
