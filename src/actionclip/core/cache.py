"""The caches of frame features and prompt embeddings.

Features are keyed by the content of their video: a renamed video keeps its features, a replaced one
is computed again. The content is hashed before anything is decoded, and features of a file that
changed meanwhile are not stored. What cannot be stored stays in memory, so that a run gives the
same numbers without a disk.

Shapes:
    N: entries   T: frames of an entry   E: width of the vision tower   D: shared width
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.core import store
from actionclip.core.store import Store

logger = logging.getLogger(__name__)

WHOLE_BYTES = 2 * 2**30
"""Of larger videos only blocks are hashed: a file that claims to be a video can be of any size."""
BLOCK_BYTES = 2**20
NUM_BLOCKS = 256
MAX_BYTES_IN_MEMORY = 256 * 2**20
"""Of features that stay in memory once read: training reads them in every epoch."""

Features = Float[Tensor, "T E"]
Progress = Callable[[int, int], None]
_Status = tuple[int, int, int, int]
"""Size, mtime, ctime, inode."""


class Content(NamedTuple):
    """The content of a file when it was hashed."""

    video: Path
    digest: str
    status: _Status

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still the same."""
        try:
            return _status(self.video) == self.status
        except OSError:
            return False


class FeatureCache:
    """The features that one model computed, by video content and sampling.

    Example:
        >>> cache = FeatureCache(fingerprint.of_vision(model))
        >>> keys = [cache.key(video, {"segments": 8, "view": 0}) for video in videos]
        >>> cache.fill(keys, lambda missing: ((i, encode(videos[i])) for i in missing))
        >>> cache.read(keys[:64])  # (64, 8, 1280)
    """

    def __init__(
        self, made_by: Mapping[str, Any], root: Path | None = None, limit: int = 0
    ) -> None:
        """Open the cache of one model; nothing is read yet.

        Args:
            made_by: all that features depend on besides video and sampling (weights, precision,
                runtime), as plain values.
            root: as in `Store`.
            limit: as in `Store`.
        """
        self.store = Store("features", made_by, root, limit)
        self._not_stored: dict[str, Tensor] = {}
        self._in_memory: dict[str, Tensor] = {}
        self._bytes_in_memory = 0
        self._contents: dict[str, Content] = {}
        """By key."""

    def content(self, video: Path) -> Content:
        """Hash a video, before it is decoded; hashes are remembered while the file's status stays.

        Raises:
            OSError: the video cannot be read.
        """
        name = hashlib.sha256(os.fsencode(video.resolve())).hexdigest()
        remembered = self.store.root / "contents" / name[:2] / f"{name}.json"
        status = _status(video)
        try:
            match json.loads(remembered.read_bytes()):
                case {"status": known, "sha256": str(digest)} if known == list(status):
                    return Content(video, digest, status)
        except (OSError, ValueError):
            pass
        content = Content(video, _digest(video, status[0]), status)
        if content.is_unchanged:  # or else it is being written, and nothing read from it is stored
            try:
                entry = {"status": status, "sha256": content.digest}
                store.write(remembered, json.dumps(entry).encode())
            except OSError as error:
                store.warn(self.store.root, error)
        return content

    def key(self, video: Path | Content, sampling: Mapping[str, Any]) -> str:
        """Return the key of what is computed from a video.

        Args:
            video: a file that is not decoded yet, or its `content`.
            sampling: which frames, and all that is done to them, as plain values.

        Raises:
            OSError: the video cannot be read.
        """
        content = video if isinstance(video, Content) else self.content(video)
        sampled = json.dumps(sampling, sort_keys=True)
        key = hashlib.sha256(f"{content.digest} {sampled}".encode()).hexdigest()
        self._contents[key] = content
        return key

    def fill(
        self,
        keys: Sequence[str],
        compute: Callable[[list[int]], Iterable[tuple[int, Features]]],
        on_progress: Progress = lambda done, total: None,
    ) -> None:
        """Compute what is missing or damaged; each entry is stored at once.

        Args:
            keys: of all entries.
            compute: takes the positions in `keys` to compute, and yields position and features, in
                any order; videos that cannot be read may be left out.
            on_progress: called with the numbers of available and of all entries.
        """
        missing = self.missing(keys)
        done = len(keys) - len(missing)
        on_progress(done, len(keys))
        protected = frozenset(keys)
        for position, features in compute(missing) if missing else ():
            self.add(keys[position], features, protected)
            done += 1
            on_progress(done, len(keys))

    def add(self, key: str, features: Features, protected: frozenset[str] = frozenset()) -> None:
        """Store an entry, if its video is still the one that was hashed.

        Args:
            key: from `key`, before the video was decoded.
            features: of that video.
            protected: keys of entries that are not evicted.
        """
        content = self._contents[key]
        if not content.is_unchanged:
            logger.warning(
                "%s: changed while it was read; its features are not stored", content.video
            )
        elif self.store.put(key, {"features": features}, protected=protected):
            return
        self._not_stored[key] = features.detach().cpu().contiguous()

    @property
    def is_in_memory(self) -> bool:
        """Whether some features could not be stored."""
        return bool(self._not_stored)

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Return the positions of the entries that are absent or damaged."""
        return [position for position, key in enumerate(keys) if self.find(key) is None]

    def find(self, key: str) -> Features | None:
        """Return the features of an entry, or None."""
        if key in self._not_stored:
            return self._not_stored[key]
        return (self.store.get(key) or {}).get("features")

    def read(self, keys: Sequence[str]) -> Float[Tensor, "N T E"]:
        """Read entries of the same length, after `fill`.

        Raises:
            ValueError: one is missing.
        """
        found = [features for key in keys if (features := self._read(key)) is not None]
        if len(found) < len(keys):
            raise ValueError(
                f"{self.store.folder}: the features of {len(keys) - len(found)} of {len(keys)} "
                "clips are missing; their videos could not be read, or the cache was cleared "
                "meanwhile: fill it again"
            )
        return torch.stack(found)

    def _read(self, key: str) -> Features | None:
        if key in self._in_memory:
            return self._in_memory[key]
        features = self.find(key)
        if features is not None and self._bytes_in_memory < MAX_BYTES_IN_MEMORY:
            self._in_memory[key] = features
            self._bytes_in_memory += features.nbytes
        return features


class PromptCache:
    """The embeddings that one model computed of sentences, a table for each batch."""

    def __init__(
        self, made_by: Mapping[str, Any], root: Path | None = None, limit: int = 0
    ) -> None:
        """Open the cache of one model; arguments as in `FeatureCache`."""
        self.store = Store("prompts", made_by, root, limit)

    def find(self, sentences: Sequence[str]) -> dict[str, Float[Tensor, " D"]]:
        """Return the embeddings of those sentences that are stored."""
        wanted = set(sentences)
        found: dict[str, Tensor] = {}
        for name in reversed(self.store.names()):
            if wanted <= found.keys():
                break
            metadata = self.store.metadata(name)
            table = json.loads((metadata or {}).get("sentences", "[]"))
            if metadata is None or not wanted.isdisjoint(table):
                rows = (self.store.get(name) or {}).get("embeddings", ())
                found |= {
                    sentence: row
                    for sentence, row in zip(table, rows, strict=False)
                    if sentence in wanted
                }
        return found

    def add(self, embeddings: Mapping[str, Float[Tensor, " D"]]) -> None:
        """Store a table; a folder that cannot be written, or a full disk, is a warning."""
        table = torch.stack([embedding.detach().cpu() for embedding in embeddings.values()])
        sentences = json.dumps(list(embeddings))
        name = f"{time.time_ns():020d}{hashlib.sha256(sentences.encode()).hexdigest()[:12]}"
        self.store.put(name, {"embeddings": table}, {"sentences": sentences})


def _status(video: Path) -> _Status:
    status = video.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


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
