"""Tensors on disk, by name: any number of threads, processes and containers may share a folder.

Every entry is a safetensors file with a checksum, written under another name and renamed, so that
readers get all of it or nothing. Damaged files count as absent. Above a total size the least
recently used files are evicted. A folder that cannot be written is one warning.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import time
import zlib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import safetensors.torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from actionclip import atomic_write
from actionclip.model import fingerprint

logger = logging.getLogger(__name__)

GIGABYTES_VARIABLE = "ACTIONCLIP_CACHE_GB"
MAX_GIGABYTES = 20.0
KINDS = ("features", "prompts", "contents", "matplotlib")
"""The folders of the cache; the last one holds matplotlib's list of fonts."""
_NO_HOME = Path(os.devnull, "actionclip")
_SECONDS_BETWEEN_TOUCHES = 3600.0
_SECONDS_BETWEEN_SWEEPS = 3600.0
_ABANDONED_SECONDS = 86400.0
"""An unfinished file of this age was left by a process that was killed."""
_CHECKSUM = "crc32"
_warned_of: set[Path] = set()


def default_folder() -> Path:
    """Return the folder of the cache, in XDG_CACHE_HOME or ~/.cache.

    Without a home it is a path that cannot be written.
    """
    chosen = Path(os.environ.get("XDG_CACHE_HOME", ""))
    try:  # the standard says to ignore relative paths
        return (chosen if chosen.is_absolute() else Path.home() / ".cache") / "actionclip"
    except RuntimeError:
        return _NO_HOME


def max_bytes() -> int:
    """Return how large the cache may become.

    Raises:
        ValueError: `ACTIONCLIP_CACHE_GB` is set and is not a number above 0.
    """
    chosen = os.environ.get(GIGABYTES_VARIABLE) or MAX_GIGABYTES
    try:
        gigabytes = float(chosen)
    except ValueError:
        gigabytes = -1.0
    if not 0 < gigabytes < float("inf"):
        raise ValueError(f"{GIGABYTES_VARIABLE}: {chosen!r} is not a number above 0; give 20, say")
    return int(gigabytes * 1e9)


class Usage(NamedTuple):
    """The size of a part of the cache."""

    num_files: int
    num_bytes: int


def usage(folder: Path, kind: str) -> Usage:
    """Count the files of one of `KINDS`."""
    sizes = [file.num_bytes for file in _files(folder / kind)]
    return Usage(len(sizes), sum(sizes))


def clear(folder: Path) -> None:
    """Remove all of the cache, and nothing else that may lie in the folder.

    Raises:
        OSError: a file cannot be removed.
    """
    for kind in KINDS:
        if (folder / kind).is_symlink() or not (folder / kind).exists():
            continue
        shutil.rmtree(folder / kind)


class Store:
    """The entries of one kind that one model computed."""

    def __init__(
        self, kind: str, made_by: Mapping[str, Any], root: Path | None = None, limit: int = 0
    ) -> None:
        """Open a folder; nothing is read or written yet.

        Args:
            kind: one of `KINDS`.
            made_by: all that the entries depend on besides their names, as plain values.
            root: folder of the cache; by default `default_folder`.
            limit: bytes of the whole cache; by default `max_bytes`.
        """
        self.root = root or default_folder()
        self._limit = limit or max_bytes()
        self._made_by = json.dumps(made_by, sort_keys=True, indent=2)
        name = hashlib.sha256(self._made_by.encode()).hexdigest()[:16]
        self.folder = self.root / kind / name
        self._is_described = False
        self._bytes_since_sweep = 0

    def path(self, name: str) -> Path:
        """Return the file of an entry, which need not exist."""
        return self.folder / name[:2] / f"{name}.safetensors"

    def names(self) -> list[str]:
        """Return the names of all entries, in alphabetical order."""
        return sorted(path.stem for path in self.folder.glob("*/*.safetensors"))

    def metadata(self, name: str) -> dict[str, str] | None:
        """Read what was stored beside the tensors, unchecked; None if there is no such entry."""
        try:
            with safe_open(self.path(name), framework="pt") as file:
                return file.metadata() or {}
        except (OSError, SafetensorError):
            return None

    def get(self, name: str) -> dict[str, Tensor] | None:
        """Read an entry; None if there is none, or a damaged one, which is removed."""
        path = self.path(name)
        try:
            with safe_open(path, framework="pt") as file:
                metadata = file.metadata() or {}
                tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
        except OSError:
            return None
        except SafetensorError:
            metadata, tensors = {}, {}
        if metadata.pop(_CHECKSUM, None) != _checksum(tensors, metadata):
            logger.warning("%s: damaged; computing its content again", path)
            self._remove(path)
            return None
        self._touch(path)
        return tensors

    def put(
        self,
        name: str,
        tensors: Mapping[str, Tensor],
        metadata: Mapping[str, str] | None = None,
        protected: Collection[str] = frozenset(),
    ) -> bool:
        """Write an entry; return whether it was stored.

        Args:
            name: of the entry; the same name means the same content.
            tensors: any.
            metadata: stored beside them.
            protected: names of entries that are still needed, and not removed to make room.
        """
        tensors = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        beside = dict(metadata or {})
        content = safetensors.torch.save(tensors, {**beside, _CHECKSUM: _checksum(tensors, beside)})
        try:
            self._describe()
            write(self.path(name), content)
            self._bytes_since_sweep += len(content)
            self._make_room(protected)
        except OSError as error:
            warn(self.root, error)
            return False
        return True

    def _describe(self) -> None:
        """Write `made_by` once, for people who look into the folder."""
        if not self._is_described:
            write(self.folder / "made_by.json", self._made_by.encode())
            self._is_described = True

    def _touch(self, path: Path) -> None:
        """Count an entry as used now, to the hour."""
        try:
            if time.time() - path.stat().st_mtime > _SECONDS_BETWEEN_TOUCHES:
                os.utime(path)
        except OSError:  # another process removed it, or the folder is read-only
            return

    def _make_room(self, protected: Collection[str]) -> None:
        """Evict the least recently used files of all models until the others fit the limit."""
        now, mark = time.time(), self.root / "features" / ".swept"
        try:
            is_long_ago = now - mark.stat().st_mtime > _SECONDS_BETWEEN_SWEEPS
        except FileNotFoundError:
            is_long_ago = True
        if not is_long_ago and self._bytes_since_sweep < self._limit / 100:
            return
        self._bytes_since_sweep = 0
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()
        files = sorted(
            (file for kind in KINDS for file in _files(self.root / kind)),
            key=lambda file: file.used_at,
        )
        total = sum(file.num_bytes for file in files)
        needed = {self.path(name) for name in protected}
        for file in files:
            is_unfinished = file.path.name.startswith(".unfinished")
            is_abandoned = is_unfinished and now - file.used_at > _ABANDONED_SECONDS
            is_too_much = total > self._limit and not is_unfinished and file.path not in needed
            if is_abandoned or is_too_much:
                self._remove(file.path)
                total -= file.num_bytes

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            warn(self.root, error)


def write(path: Path, content: bytes) -> None:
    """Write a file of the cache as a whole; it need not survive a crash of the machine.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    atomic_write.write(path, content, durable=False)


def warn(root: Path, error: OSError) -> None:
    """Warn, once for each cache, that it cannot be written."""
    if root in _warned_of:
        return
    _warned_of.add(root)
    if root == _NO_HOME:
        reason = "there is no home folder for the cache"
    else:
        reason = f"{root}: the cache cannot be written ({error.strerror or error})"
    logger.warning(
        "%s; results are the same, but are not cached for the next time; "
        "set XDG_CACHE_HOME to a folder that can be written",
        reason,
    )


class _File(NamedTuple):
    path: Path
    num_bytes: int
    used_at: float


def _files(folder: Path) -> Iterator[_File]:
    """List all files in a folder, however deep; those that vanish meanwhile are left out."""
    for parent, _, names in os.walk(folder):
        for name in names:
            path = Path(parent, name)
            try:
                status = path.lstat()
            except OSError:
                continue
            yield _File(path, status.st_size, status.st_mtime)


def _checksum(tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> str:
    checksum = zlib.crc32(json.dumps(dict(metadata), sort_keys=True).encode())
    for key in sorted(tensors):
        checksum = zlib.crc32(
            fingerprint.bytes_of(tensors[key]), zlib.crc32(key.encode(), checksum)
        )
    return f"{checksum:08x}"
