"""The cache of features and prompts: what one model computed once is looked up afterwards.

Features are found by the content of their video, so that a renamed video keeps its features, and a
replaced one is computed again. The content is hashed before anything is decoded, and features of a
file that changed meanwhile are not stored. What cannot be stored stays in memory, so that a run
gives the same numbers without a disk. Knows no videos and no models: the caller computes.

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
"""Larger videos are known by blocks of them: reading all of one takes minutes, and what claims to
be a video can be of any size."""
BLOCK_BYTES = 2**20
NUM_BLOCKS = 256
MAX_BYTES_READ_AGAIN = 256 * 2**20
"""Of features that stay in memory after they were read: training reads them in every epoch."""

Features = Float[Tensor, "T E"]
Progress = Callable[[int, int], None]
_Status = tuple[int, int, int, int]
"""Size, time of change, time of the last change of anything, number of the file."""


class Content(NamedTuple):
    """What a file held when it was hashed."""

    video: Path
    digest: str
    status: _Status

    @property
    def is_unchanged(self) -> bool:
        """Whether the file is still the same."""
        return _is_unchanged(self.video, self.status)


class FeatureCache:
    """The features that one model made, by the keys of their videos and samplings.

    Example:
        >>> cache = FeatureCache(fingerprint.of_vision(model))
        >>> keys = [cache.key(video, {"segments": 8, "view": 0}) for video in videos]
        >>> cache.fill(keys, lambda missing: ((i, encode(videos[i])) for i in missing))
        >>> cache.read(keys[:64])  # (64, 8, 1280)
    """

    def __init__(
        self, made_by: Mapping[str, Any], root: Path | None = None, limit: int = 0
    ) -> None:
        """Name the place of what one model makes; nothing is read yet.

        Args:
            made_by: all that features depend on besides video and sampling, such as weights,
                precision, runtime. Plain values; they stand beside the features.
            root: as in `Store`.
            limit: as in `Store`.
        """
        self.store = Store("features", made_by, root, limit)
        self._in_memory: dict[str, Tensor] = {}
        """What could not be stored."""
        self._read_before: dict[str, Tensor] = {}
        self._bytes_read_before = 0
        self._contents: dict[str, Content] = {}
        """Of which file a key was made."""

    def content(self, video: Path) -> Content:
        """Hash a video, before it is decoded.

        The file is read once, a very large one in parts; as long as its size, its times and its
        number stay, it counts as unchanged.

        Raises:
            OSError: the video cannot be read.
        """
        return _content(video, self.store.root)

    def key(self, video: Path | Content, sampling: Mapping[str, Any]) -> str:
        """Name an entry by the content of a video and what is taken from it.

        Args:
            video: a file that is not decoded yet, or what `content` returned before it was.
            sampling: which frames, and all that happens to them: plain values.

        Raises:
            OSError: the video cannot be read.
        """
        content = video if isinstance(video, Content) else self.content(video)
        taken = json.dumps(sampling, sort_keys=True)
        key = hashlib.sha256(f"{content.digest} {taken}".encode()).hexdigest()
        self._contents[key] = content
        return key

    def fill(
        self,
        keys: Sequence[str],
        compute: Callable[[list[int]], Iterable[tuple[int, Features]]],
        on_progress: Progress = lambda done, total: None,
    ) -> None:
        """Compute what is missing or damaged, and nothing else; each entry is stored at once.

        Args:
            keys: of all entries that are wanted.
            compute: is given the places in `keys` of those to compute, and yields place and
                features, in any order; a video that cannot be read may be left out.
            on_progress: called with how many of the wanted entries are there, and how many are
                wanted.
        """
        missing = self.missing(keys)
        done = len(keys) - len(missing)
        on_progress(done, len(keys))
        wanted = frozenset(keys)
        for place, features in compute(missing) if missing else ():
            self.add(keys[place], features, wanted)
            done += 1
            on_progress(done, len(keys))

    def add(self, key: str, features: Features, needed: frozenset[str] = frozenset()) -> None:
        """Store an entry, if its video is still the one that was hashed.

        Args:
            key: given by `key` before the video was decoded.
            features: of that video.
            needed: keys of entries that are not removed to make room.
        """
        content = self._contents[key]
        if not content.is_unchanged:
            logger.warning(
                "%s: changed while it was read; its features are not stored", content.video
            )
        elif self.store.put(key, {"features": features}, protected=needed):
            return
        self._in_memory[key] = features.detach().cpu().contiguous()

    @property
    def is_in_memory(self) -> bool:
        """Whether some features could not be stored."""
        return bool(self._in_memory)

    def missing(self, keys: Sequence[str]) -> list[int]:
        """Return the places of the entries to compute; every other one is read and found whole."""
        return [place for place, key in enumerate(keys) if self.find(key) is None]

    def find(self, key: str) -> Features | None:
        """Return the features of an entry; None if they are not known."""
        if key in self._in_memory:
            return self._in_memory[key]
        return (self.store.get(key) or {}).get("features")

    def read(self, keys: Sequence[str]) -> Float[Tensor, "N T E"]:
        """Read entries of the same length; `fill` came first.

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
        """Find features that are read again and again, from the disk once if there is room."""
        if key in self._read_before:
            return self._read_before[key]
        features = self.find(key)
        if features is not None and self._bytes_read_before < MAX_BYTES_READ_AGAIN:
            self._read_before[key] = features
            self._bytes_read_before += features.nbytes
        return features


class PromptCache:
    """The embeddings that one model made of sentences, in tables of those that came together."""

    def __init__(
        self, made_by: Mapping[str, Any], root: Path | None = None, limit: int = 0
    ) -> None:
        """Name the place of what one model makes; nothing is read yet.

        Args:
            made_by: all that an embedding depends on besides its sentence, as plain values.
            root: as in `Store`.
            limit: as in `Store`.
        """
        self.store = Store("prompts", made_by, root, limit)

    def find(self, sentences: Sequence[str]) -> dict[str, Float[Tensor, " D"]]:
        """Return the embeddings of those sentences that are known."""
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
        """Store more; a folder that cannot be written, or a full disk, is a warning."""
        table = torch.stack([embedding.detach().cpu() for embedding in embeddings.values()])
        sentences = json.dumps(list(embeddings))
        name = f"{time.time_ns():020d}{hashlib.sha256(sentences.encode()).hexdigest()[:12]}"
        self.store.put(name, {"embeddings": table}, {"sentences": sentences})


def _content(video: Path, root: Path) -> Content:
    """Hash a file, or look its hash up, which is remembered as long as its status stays.

    Raises:
        OSError: the file cannot be read.
    """
    name = hashlib.sha256(os.fsencode(video.resolve())).hexdigest()
    remembered = root / "contents" / name[:2] / f"{name}.json"
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
            store.warn(root, error)
    return content


def _status(video: Path) -> _Status:
    status = video.stat()
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _is_unchanged(video: Path, status: _Status) -> bool:
    try:
        return _status(video) == status
    except OSError:
        return False


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
