"""The videos that clients may ask about, by id: uploaded ones, and those of the archive.

A path, an address or an option of a client never opens anything: an id is looked up, and names are
only shown. Uploads lie in a folder of this process, are removed when nobody uses them any more, and
with the server at the latest.
"""

from __future__ import annotations

import contextlib
import fcntl
import secrets
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PureWindowsPath
from typing import IO

from actionclip import display
from actionclip.server.problems import ProblemError
from actionclip.server.settings import Limits
from actionclip.video import files

_MAX_NAME = 120
"""Characters of a name that are kept."""
_LOCK = ".lock"


@dataclass(eq=False)
class StoredVideo:
    """A video and what is known about it."""

    id: str
    name: str
    """For people: of an upload the client's name, of an indexed video its path in the archive."""
    path: Path
    is_upload: bool
    num_bytes: int = 0
    num_users: int = 0
    """Jobs that read it."""
    last_use: float = field(default_factory=time.monotonic)
    is_removed: bool = False
    seconds: float | None = None
    """Of an indexed video."""


class Upload:
    """A file that is being written; it becomes a `StoredVideo` by `Videos.keep`."""

    def __init__(self, videos: Videos, name: str, path: Path, limits: Limits) -> None:
        self.name = name
        self.path = path
        self.num_bytes = 0
        self._videos = videos
        self._limits = limits
        self._file: IO[bytes] | None = path.open("xb")

    def write(self, block: bytes | bytearray) -> None:
        """Append to the file; ProblemError 413 or 507 where it takes too much."""
        assert self._file is not None
        if self.num_bytes + len(block) > self._limits.upload_bytes:
            megabytes = self._limits.upload_bytes / 10**6
            raise ProblemError(
                413, f"{self.name}: larger than {megabytes:,.0f} MB, the limit; cut it"
            )
        self._videos.reserve(len(block))
        self.num_bytes += len(block)
        try:
            self._file.write(block)
        except OSError as error:
            raise ProblemError(507, f"{self.name}: cannot be stored ({error.strerror})") from error

    def close(self) -> None:
        """Complete the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
            self._videos.end_upload()

    def remove(self) -> None:
        """Remove the file and give back its space."""
        self.close()
        self.path.unlink(missing_ok=True)
        self._videos.reserve(-self.num_bytes)
        self.num_bytes = 0


class Videos:
    """All videos of the service; safe for threads."""

    def __init__(self, parent: Path, limits: Limits) -> None:
        """Make a folder for uploads in `parent`; those of servers that were killed are removed."""
        self._limits = limits
        parent.mkdir(parents=True, exist_ok=True)
        _remove_orphans(parent)
        self.folder = parent / secrets.token_hex(8)
        self.folder.mkdir(mode=0o700)
        unlocked = self.folder / "unlocked"
        self._lock_file = unlocked.open("w")
        fcntl.flock(self._lock_file, fcntl.LOCK_EX)
        unlocked.rename(self.folder / _LOCK)
        self._lock = threading.Lock()
        self._videos: dict[str, StoredVideo] = {}
        self._num_bytes = 0
        self._num_uploading = 0

    def start_upload(self, name: str) -> Upload:
        """Open a file for a video, given the client's name for it.

        Raises:
            ProblemError: too many uploads come at the same time (429), or are stored (507).
        """
        self.sweep()
        with self._lock:
            if self._num_uploading >= self._limits.uploads:
                raise ProblemError(
                    429,
                    f"{self._limits.uploads} uploads come already, the limit; try again in 5 s",
                    {"Retry-After": "5"},
                )
            num_stored = sum(video.is_upload for video in self._videos.values())
            if num_stored >= self._limits.stored_videos:
                raise ProblemError(
                    507, "too many videos are stored; delete some by DELETE /v1/videos/ID"
                )
            self._num_uploading += 1
        shown = shown_name(name)
        suffix = Path(shown).suffix.lower()
        suffix = suffix if suffix in files.SUFFIXES else ""
        try:
            return Upload(
                self, shown, self.folder / (secrets.token_urlsafe(16) + suffix), self._limits
            )
        except BaseException:
            self.end_upload()
            raise

    def end_upload(self) -> None:
        """Note that an upload does not come any more."""
        with self._lock:
            self._num_uploading -= 1

    def reserve(self, num_bytes: int) -> None:
        """Count bytes of uploads; ProblemError 507 where there are too many."""
        with self._lock:
            if num_bytes > 0 and self._num_bytes + num_bytes > self._limits.stored_bytes:
                gigabytes = self._limits.stored_bytes / 10**9
                raise ProblemError(
                    507,
                    f"uploads take {gigabytes:,.1f} GB, the limit; "
                    "delete some by DELETE /v1/videos/ID",
                )
            self._num_bytes += num_bytes

    def keep(self, upload: Upload) -> StoredVideo:
        """Store an upload."""
        upload.close()
        video = StoredVideo(upload.path.stem, upload.name, upload.path, True, upload.num_bytes)
        upload.num_bytes = 0  # the video has them now
        with self._lock:
            self._videos[video.id] = video
        return video

    def show(self, indexed: Sequence[StoredVideo]) -> None:
        """Make the videos of an archive known, instead of those that were before."""
        given = {video.id: video for video in indexed}
        with self._lock:
            kept = {key: video for key, video in self._videos.items() if video.is_upload}
            again = {key: self._videos.get(key, video) for key, video in given.items()}
            self._videos = {**kept, **again}

    def get(self, video_id: str) -> StoredVideo:
        """Return a video; ProblemError 404 if there is none."""
        with self._lock:
            video = self._videos.get(video_id)
            if video is not None:
                video.last_use = time.monotonic()
                return video
        raise ProblemError(404, f"no video is called {video_id[:64]!r}; upload it, or index it")

    def all(self) -> list[StoredVideo]:
        """Return all videos, the newest uploads first."""
        with self._lock:
            videos = list(self._videos.values())
        return sorted(videos, key=lambda video: -video.last_use if video.is_upload else 0.0)

    def acquire(self, video: StoredVideo) -> None:
        """Keep a video until `release`, whatever clients do."""
        with self._lock:
            video.num_users += 1

    def release(self, video: StoredVideo) -> None:
        """End the use of a video; the last user of one that was removed deletes its file."""
        with self._lock:
            video.num_users -= 1
            video.last_use = time.monotonic()
            is_over = video.is_removed and video.num_users == 0
        if is_over:
            self._delete(video)

    @contextmanager
    def using(self, video: StoredVideo) -> Iterator[Path]:
        """Give the path of a video, which stays until the end of the block."""
        self.acquire(video)
        try:
            yield video.path
        finally:
            self.release(video)

    def remove(self, video: StoredVideo) -> None:
        """Remove an upload, once no job reads it any more; 403 for an indexed video."""
        if not video.is_upload:
            raise ProblemError(
                403, f"{video.name}: it is of the archive, which only its owner changes"
            )
        with self._lock:
            if video.is_removed:
                return
            self._videos.pop(video.id, None)
            video.is_removed = True
            is_over = video.num_users == 0
        if is_over:
            self._delete(video)

    def sweep(self) -> None:
        """Remove uploads that nobody has used for long."""
        oldest = time.monotonic() - self._limits.keep_seconds
        with self._lock:
            idle = [
                video
                for video in self._videos.values()
                if video.is_upload and video.num_users == 0 and video.last_use < oldest
            ]
        for video in idle:
            self.remove(video)

    def close(self) -> None:
        """Remove all uploads."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock_file.close()

    def _delete(self, video: StoredVideo) -> None:
        video.path.unlink(missing_ok=True)
        self.reserve(-video.num_bytes)


def shown_name(name: str) -> str:
    """Return the last part of a name that a client sent, as one line of visible characters."""
    last = display.one_line(PureWindowsPath(name).name.strip() or "video")
    return last if len(last) <= _MAX_NAME else "…" + last[1 - _MAX_NAME :]


def _remove_orphans(parent: Path) -> None:
    """Remove the folders of servers that run no more; a running one holds its lock."""
    for lock in parent.glob(f"*/{_LOCK}"):
        with contextlib.suppress(OSError), lock.open("r+") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
