"""Files become rows of the tables: only new and changed ones are read, each of them once.

A file is known by its size and time; one that moved, or a copy, by its content. A file that is
still growing waits for the next run. The row of a file is written after all that was read from it,
so a run that is ended at any moment leaves nothing half done.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from actionclip.archive import upkeep
from actionclip.archive.tables import File, Tables
from actionclip.archive.windows import Window, Windows
from actionclip.core import encode
from actionclip.core.cache import Content, FeatureCache
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline import file as timeline_file
from actionclip.timeline.file import StreamFrames
from actionclip.timeline.settings import Settings
from actionclip.video import files as video_files

SETTLE_SECONDS = 2.0
"""A file that was written to since may be growing."""
STEPS_PER_WRITE = 4096
"""About 27 MB of features of `lite`: what is in memory of a long video."""
FILES_PER_COMPACTION = 256
"""Every file adds small files to the tables."""


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    num_done: int
    """Files, of those to read."""
    num_files: int
    bytes_done: int
    """Of the files to read; of the present one as many as its frames suggest."""
    num_bytes: int
    hours: float
    """Of video read so far."""


@dataclass
class Report:
    """What a run did."""

    indexed: int = 0
    """Files that were read."""
    unchanged: int = 0
    """Files that needed no reading; of them `moved` were known by their content."""
    failed: list[tuple[Path, str]] = field(default_factory=list)
    """Files that cannot be read, now or in an earlier run, and why."""
    seconds: float = 0.0
    """That the run took."""
    moved: int = 0
    """Files at a new path whose content was known."""
    vanished: int = 0
    """Files that were indexed, and are gone."""
    waiting: list[Path] = field(default_factory=list)
    """Files that changed while they were read; the next run reads them."""


@dataclass
class Run:
    """One run of `index`."""

    model: ActionCLIP
    tables: Tables
    settings: Settings
    stream_frames: StreamFrames
    on_progress: Callable[[Progress], None] = lambda progress: None
    report: Report = field(default_factory=Report)

    def index(self, paths: Iterable[str | Path], *, retry: bool) -> Report:
        """Bring the rows of files and folders up to date.

        Args:
            paths: of videos and folders.
            retry: read files again that could not be read.

        Raises:
            FileNotFoundError: there is no such file or folder; nothing was read.
            ValueError: a folder holds no video, or the tables cannot be written.
        """
        started = time.monotonic()
        roots = [Path(os.path.abspath(path)) for path in paths]  # noqa: PTH100  (links stay)
        found = list(dict.fromkeys(path for root in roots for path in video_files.find(root)))
        upkeep.delete_orphans(self.tables)
        known = {file.path: file for file in self.tables.files()}
        self._mark_vanished(known.values(), roots, set(found))
        todo = [path for path in found if not self._is_unchanged(path, known.get(path), retry)]
        self._read_all(todo, known)
        upkeep.delete_orphans(self.tables)
        upkeep.compact(self.tables)
        self.report.seconds = time.monotonic() - started
        return self.report

    def _mark_vanished(
        self, known: Iterable[File], roots: Sequence[Path], found: set[Path]
    ) -> None:
        gone = [
            replace(file, state="vanished")
            for file in known
            if file.state != "vanished" and file.path not in found
            if any(file.path.is_relative_to(root) for root in roots)
        ]
        self.tables.put_files(gone)
        self.report.vanished = len(gone)

    def _is_unchanged(self, path: Path, known: File | None, retry: bool) -> bool:
        """Whether a file needs no reading, which is counted."""
        if known is None:
            return False
        status = path.stat()
        if (known.num_bytes, known.mtime_ns) != (status.st_size, status.st_mtime_ns):
            return False
        if known.state == "failed":
            if not retry:
                self.report.failed.append((path, known.error))
            return not retry
        if known.state == "vanished":  # and is back
            self.tables.put_files([replace(known, state="indexed")])
        self.report.unchanged += 1
        return True

    def _read_all(self, paths: Sequence[Path], known: dict[Path, File]) -> None:
        contents = FeatureCache(encode.depends_on(self.model))
        by_video = {file.video: file for file in known.values() if file.state != "failed"}
        sizes = {path: path.stat().st_size for path in paths}
        progress = Progress(0, len(paths), 0, sum(sizes.values()), 0.0)
        for number, path in enumerate(_settled_last(paths), start=1):
            self.on_progress(progress)
            seconds = 0.0
            if _seconds_to_settle(path) > 0:
                self.report.waiting.append(path)
            else:
                seconds = self._read_one(path, contents, by_video, progress)
            progress = replace(
                progress,
                num_done=progress.num_done + 1,
                bytes_done=progress.bytes_done + sizes[path],
                hours=progress.hours + seconds / 3600,
            )
            if number % FILES_PER_COMPACTION == 0:
                upkeep.compact(self.tables)
        self.on_progress(progress)

    def _read_one(
        self, path: Path, contents: FeatureCache, by_video: dict[str, File], progress: Progress
    ) -> float:
        """Read a file, and write its rows; return how many seconds of video were read."""
        try:
            content = contents.content(path)
        except OSError as error:
            self.report.failed.append((path, f"{path}: {error.strerror}"))
            return 0.0
        num_bytes, mtime_ns, *_ = content.status
        video = content.digest[:16]
        file = File(path, video, num_bytes, mtime_ns, 0.0, "indexed")
        if same := by_video.get(video):
            self.tables.put_files([replace(file, seconds=same.seconds)])
            self.report.unchanged += 1
            self.report.moved += 1
            return 0.0
        try:
            file = replace(file, seconds=self._write_rows(content, video, progress))
        except (ValueError, OSError) as error:
            if isinstance(error.__cause__, RuntimeError):  # of the tables, not of the video
                raise
            file = replace(file, state="failed", error=str(error))
            self.tables.delete([video])
        if not content.is_unchanged:
            self.tables.delete([video])
            self.report.waiting.append(path)
            return 0.0
        self.tables.put_files([file])
        if file.state == "failed":
            self.report.failed.append((path, file.error))
        else:
            by_video[video] = file
            self.report.indexed += 1
        return file.seconds

    def _write_rows(self, content: Content, video: str, progress: Progress) -> float:
        """Write frames and windows of a video; return its length in seconds."""
        rate = self.settings.frames_per_second
        windows = Windows(self.model, self.settings)
        first_step = end_step = 0
        kept: list[torch.Tensor] = []
        found: list[Window] = []

        def write() -> None:
            self.tables.add_steps(video, first_step, torch.cat(kept))
            self.tables.add_windows(video, found, rate)

        for step, features in timeline_file.vision_features(
            self.model, content.video, rate, self.stream_frames, is_cached=False
        ):
            first_step = first_step if kept else step
            end_step = step + len(features)
            kept.append(features)
            found += windows.push(step, features)
            hours = progress.hours + end_step / rate / 3600
            self.on_progress(replace(progress, hours=hours))
            if end_step - first_step >= STEPS_PER_WRITE:
                write()
                kept, found = [], []
        found += windows.finish()
        if kept:
            write()
        else:
            self.tables.add_windows(video, found, rate)
        if end_step == 0:
            raise ValueError(f"{content.video}: holds no frame; check the file")
        return end_step / rate


def _settled_last(paths: Sequence[Path]) -> Iterator[Path]:
    """Yield files that were just written last, and give each the time to be complete."""
    young: list[Path] = []
    for path in paths:
        if _seconds_to_settle(path) > 0:
            young.append(path)
        else:
            yield path
    for path in young:
        time.sleep(max(0.0, _seconds_to_settle(path)))
        yield path


def _seconds_to_settle(path: Path) -> float:
    """Return how long a file has to stay as it is; 0 for a time in the future."""
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:  # it is gone, which is reported when it is read
        return 0.0
    return SETTLE_SECONDS - age if 0 <= age < SETTLE_SECONDS else 0.0
