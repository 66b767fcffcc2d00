"""The archive that the service searches: its videos get ids, and its hits name them.

Clients see names, relative to the folder that all indexed videos share, and never a path.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from actionclip import display
from actionclip.archive import examples, upkeep
from actionclip.archive.archive import Archive
from actionclip.archive.hits import Hit
from actionclip.archive.tables import File
from actionclip.server.archive_questions import (
    ArchiveFacts,
    Failure,
    SearchAnswer,
    SearchHit,
    SearchQuestion,
)
from actionclip.server.problems import ProblemError
from actionclip.server.videos import StoredVideo, Videos

_FRESH_SECONDS = 5.0
"""The list of files is read again after so long."""
_MAX_FAILURES = 100


class Indexed:
    """The indexed videos of a service; safe for threads."""

    def __init__(self, archive: Archive, videos: Videos) -> None:
        """Make the archive's videos known to a service."""
        self.archive = archive
        self._videos = videos
        self._lock = threading.Lock()
        self._files: dict[str, File] = {}
        """By id."""
        self._failed: list[File] = []
        self._folder = Path("/")
        self._read_at = -_FRESH_SECONDS
        self.refresh()

    def refresh(self, max_age: float = 0.0) -> None:
        """Read which videos are indexed, if that was last done more than `max_age` seconds ago."""
        with self._lock:
            if time.monotonic() - self._read_at < max_age:
                return
            files = self.archive.tables.files()
            found = [file for file in files if file.state == "indexed"]
            self._failed = [file for file in files if file.state == "failed"]
            self._folder = _shared_folder([file.path for file in [*found, *self._failed]])
            self._files = {_id_of(file.path): file for file in found}
            shown = [
                StoredVideo(video_id, self._name(file.path), file.path, False, seconds=file.seconds)
                for video_id, file in self._files.items()
            ]
            self._videos.show(shown)
            self._read_at = time.monotonic()

    def update(self) -> None:
        """Read which videos are indexed, unless that was done a moment ago."""
        self.refresh(_FRESH_SECONDS)

    def moment(self, video: StoredVideo, part: str) -> str:
        """Return a moment of an indexed video as `Archive.search` takes it.

        Raises:
            ProblemError: the video is an upload.
        """
        file = self._files.get(video.id)
        if file is None:
            raise ProblemError(
                422, f"like: {video.name}: only moments of indexed videos are found; send all of it"
            )
        return f"{examples.PREFIX}{file.video}@{part}"

    def search(self, question: SearchQuestion, like: Sequence[str | Path]) -> SearchAnswer:
        """Search; `like` has the examples of the question, as the library takes them.

        Raises:
            ValueError: as `Archive.search`.
        """
        top = question.offset + question.limit
        share = {} if question.like_share is None else {"like_share": question.like_share}
        hits = self.archive.search(
            question.text,
            like=like,
            without=question.without,
            top=top,
            threshold=question.threshold,
            templates=question.templates,
            **share,
        )
        if any(_id_of(hit.video) not in self._files for hit in hits):
            self.refresh()
        return SearchAnswer(
            hits=[self._shown(hit) for hit in hits[question.offset :]],
            next_offset=top if len(hits) == top else None,
        )

    def facts(self) -> ArchiveFacts:
        """Count what is in the archive, and say what could not be read."""
        self.update()
        info = upkeep.info(self.archive.tables)
        failures = [
            Failure(name=name, error=file.error.replace(os.fspath(file.path), name))
            for file in self._failed[:_MAX_FAILURES]
            if (name := self._name(file.path))
        ]
        return ArchiveFacts(
            videos=info.videos,
            windows=info.windows,
            hours=info.hours,
            bytes=info.num_bytes,
            vanished=info.vanished,
            failed=info.failed,
            failures=failures,
            is_indexing=_is_being_written(self.archive.tables.address),
        )

    def _shown(self, hit: Hit) -> SearchHit:
        video_id = _id_of(hit.video)
        return SearchHit(
            video=video_id,
            name=self._name(hit.video),
            start_seconds=hit.start_seconds,
            end_seconds=hit.end_seconds,
            score=hit.score,
            example=f"{video_id}@{hit.example.rpartition('@')[2]}",
            copies=[_id_of(copy) for copy in hit.copies],
        )

    def _name(self, path: Path) -> str:
        near = path.relative_to(self._folder) if path.is_relative_to(self._folder) else path.name
        return display.one_line(str(near))


def _id_of(path: Path) -> str:
    """Return the id of an indexed video; it stays the same when the service starts again."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:22]


def _shared_folder(paths: Sequence[Path]) -> Path:
    return Path(os.path.commonpath([path.parent for path in paths])) if paths else Path("/")


def _is_being_written(address: str) -> bool:
    """Return whether another process holds the lock of an archive; an object store has none."""
    if "://" in address or not Path(address, ".lock").exists():
        return False
    lock = FileLock(Path(address, ".lock"), timeout=0)
    try:
        lock.acquire()
    except (Timeout, OSError):
        return True
    lock.release()
    return False
