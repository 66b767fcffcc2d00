"""Features computed once are kept on disk: a video's content and a sampling lead to (T, D).

With a frozen vision tower the features of a clip never change, so that a head trains from them in
seconds. One folder holds what one model made; its files are safetensors, written whole or not at
all and read through the memory map, and any number of processes may add some. A feature is found
by the content of its video, so that renaming changes nothing, and a video that was replaced is
computed again. Knows no videos, no models and no training: whoever fills it brings the features.

Shapes:
    N: entries   T: frames of an entry   D: width of what the vision tower gives
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from jaxtyping import Float
from safetensors import SafetensorError, safe_open
from torch import Tensor

from actionclip import atomic_write
from actionclip.model import identity

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_FILES = 30.0
"""How much work is lost at most when a process is killed."""
MAX_BYTES_PER_FILE = 256 * 2**20
WHOLE_BYTES = 2 * 2**30
"""Larger videos are known by blocks of them: reading all of one takes minutes, and what claims to
be a video can be of any size."""
BLOCK_BYTES = 2**20
NUM_BLOCKS = 256

Features = Float[Tensor, "T D"]
Progress = Callable[[int, int], None]


def default_folder() -> Path:
    """Give the folder for features that outlive a run, below XDG_CACHE_HOME or ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache", "actionclip/features").expanduser()


class FeatureCache:
    """The features that one model made, by the keys of their videos and samplings.

    Example:
        >>> cache = FeatureCache(folder, identity.of_vision(model))
        >>> keys = [cache.key(video, {"segments": 8, "view": 0}) for video in videos]
        >>> cache.fill(keys, lambda missing: ((i, encode(videos[i])) for i in missing))
        >>> cache.read(keys[:64])  # (64, 8, 1280)
    """

    def __init__(self, folder: Path, made_by: Mapping[str, Any]) -> None:
        """Open or make the place for what one model makes.

        Args:
            folder: of the features of all models; a part of it is this one's.
            made_by: whatever the features depend on besides video and sampling, such as weights,
                precision, size of the frames. Plain values; they stand beside the features.
        """
        document = json.dumps(made_by, sort_keys=True, indent=2)
        self.folder = folder / hashlib.sha256(document.encode()).hexdigest()[:16]
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write.write(self.folder / "made_by.json", document.encode())
        self._contents = _Contents(folder / "contents.json")
        self._files: dict[str, safe_open] = {}
        """The open file that holds a key."""
        self._opened: set[Path] = set()

    def key(self, video: Path, sampling: Mapping[str, Any]) -> str:
        """Name an entry after the content of a video and what is taken from it.

        The file is read once, a very large one in parts; as long as its size and its time stay, it
        counts as unchanged.

        Args:
            video: a file.
            sampling: which frames, and all that happens to them: plain values.
        """
        taken = json.dumps(sampling, sort_keys=True)
        return hashlib.sha256(f"{self._contents.digest(video)} {taken}".encode()).hexdigest()

    def fill(
        self,
        keys: Sequence[str],
        compute: Callable[[list[int]], Iterable[tuple[int, Features]]],
        on_progress: Progress = lambda done, total: None,
    ) -> None:
        """Compute what is missing or damaged, and nothing else; stopped halfway, it goes on there.

        Args:
            keys: of all entries that are wanted.
            compute: is given the places in `keys` of those to compute, and yields place and
                features, in any order; a video that cannot be read may be left out.
            on_progress: told how many of the wanted entries are there, and how many are wanted.
        """
        self._contents.save()
        missing = self.missing(keys)
        done = len(keys) - len(missing)
        on_progress(done, len(keys))
        if not missing:
            return
        waiting: dict[str, Tensor] = {}
        written_at = time.monotonic()
        try:
            for place, features in compute(missing):
                waiting[keys[place]] = features.detach().cpu().contiguous()
                done += 1
                on_progress(done, len(keys))
                is_long_ago = time.monotonic() - written_at > SECONDS_BETWEEN_FILES
                if is_long_ago or sum(f.nbytes for f in waiting.values()) > MAX_BYTES_PER_FILE:
                    self._write(waiting)
                    waiting, written_at = {}, time.monotonic()
        finally:  # whatever stopped it, what was computed stays computed
            self._write(waiting)

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Give the places of the entries to compute; every other one is read and found whole."""
        self._open_files()
        damaged = {key for key in keys if key in self._files and not self._is_whole(key)}
        for key in damaged:
            del self._files[key]
        if damaged:
            logger.warning(
                "%s: %d features are damaged; computing them again", self.folder, len(damaged)
            )
        return [place for place, key in enumerate(keys) if key not in self._files]

    def read(self, keys: Sequence[str]) -> Float[Tensor, "N T D"]:
        """Read entries of the same length; `fill` came first.

        Raises:
            ValueError: one is missing.
        """
        absent = [key for key in keys if key not in self._files]
        if absent:
            raise ValueError(
                f"{self.folder}: the features of {len(absent)} of {len(keys)} clips are missing; "
                "their videos could not be read, or changed since: fill the cache again"
            )
        return torch.stack([self._files[key].get_tensor(key) for key in keys])

    def _open_files(self) -> None:
        for path in sorted(set(self.folder.glob("*.safetensors")) - self._opened):
            try:
                file = safe_open(path, framework="pt")
            except SafetensorError as error:
                logger.warning("%s: damaged (%s); computing its features again", path, error)
                path.unlink()
                continue
            self._opened.add(path)
            self._files.update(dict.fromkeys(file.keys(), file))

    def _is_whole(self, key: str) -> bool:
        file = self._files[key]
        return file.metadata().get(key) == _checksum(file.get_tensor(key))

    def _write(self, entries: Mapping[str, Tensor]) -> None:
        if not entries:
            return
        checksums = {key: _checksum(features) for key, features in entries.items()}
        name = hashlib.sha256("".join(entries).encode()).hexdigest()[:16]
        path = self.folder / f"{time.time_ns()}-{name}.safetensors"  # sorted, the last one counts
        atomic_write.write(path, safetensors.torch.save(dict(entries), checksums))
        self._open_files()


class _Contents:
    """The hash of every file's content, remembered for as long as its size and time stay."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.known: dict[str, list[Any]] = json.loads(path.read_bytes())
        except (FileNotFoundError, ValueError):
            self.known = {}

    def digest(self, file: Path) -> str:
        name = str(file.resolve())
        status = file.stat()
        seen = [status.st_size, status.st_mtime_ns]
        match self.known.get(name):
            case [size, changed_at, str(digest)] if [size, changed_at] == seen:
                return digest
        digest = _digest(file, status.st_size)
        self.known[name] = [*seen, digest]
        return digest

    def save(self) -> None:
        atomic_write.write(self.path, json.dumps(self.known).encode())


def _digest(file: Path, num_bytes: int) -> str:
    """Hash a file; of a very large one its size, beginning, end, and blocks evenly between them."""
    with file.open("rb") as opened:
        if num_bytes <= WHOLE_BYTES:
            return hashlib.file_digest(opened, "sha256").hexdigest()
        digest = hashlib.sha256(str(num_bytes).encode())
        for number in range(NUM_BLOCKS):
            opened.seek(number * (num_bytes - BLOCK_BYTES) // (NUM_BLOCKS - 1))
            digest.update(opened.read(BLOCK_BYTES))
    return digest.hexdigest()


def _checksum(features: Tensor) -> str:
    return f"{zlib.crc32(identity.bytes_of(features)):08x}"
