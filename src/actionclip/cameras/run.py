"""Several sources are watched at once: a thread each, one model, one stream of reports.

A source that fails is reported and ends alone. `Recognizer.watch` reads one source; nothing here
knows frames.

Shapes:
    H W: pixels of a frame
"""

from __future__ import annotations

import dataclasses
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from actionclip.cameras.clips import Recorder
from actionclip.cameras.settings import Camera
from actionclip.core.scoring import Threshold
from actionclip.recognizer import Recognizer
from actionclip.text.actions import Label
from actionclip.timeline.moments import Began, Ended, Event, Slot
from actionclip.timeline.settings import Settings
from actionclip.timeline.watch import Status, Watching

_MAX_WAITING = 1000
"""Reports that nobody has taken yet; then the sources wait, and drop frames."""


@dataclass(frozen=True)
class Failed:
    """A source is over because of an error."""

    error: str


@dataclass(frozen=True)
class Counts:
    """How a source has gone so far."""

    connections: int
    dropped: int
    """Frames."""


@dataclass(frozen=True)
class Report:
    """Something that happened at a source."""

    source: str
    """Its name."""
    time: datetime
    """When it happened, by the clock; of a moment that ended, its end."""
    event: Began | Ended | Failed | Counts
    clip: Path | None = None
    """The video of a moment that ended, if clips are recorded."""

    def to_document(self) -> dict[str, object]:
        """Return what JSON shows."""
        kinds = {Began: "started", Ended: "ended", Failed: "failed", Counts: "status"}
        values = self.event.moment if isinstance(self.event, Ended) else self.event
        return {
            "event": kinds[type(self.event)],
            "source": self.source,
            "time": self.time.isoformat(timespec="milliseconds"),
            **dataclasses.asdict(values),
            **({"clip": str(self.clip)} if self.clip else {}),
        }


def watch_all(
    recognizer: Recognizer,
    cameras: Mapping[str, Camera],
    labels: Sequence[Label] | None = None,
    templates: Sequence[str] | None = None,
    *,
    threshold: Threshold = "auto",
    settings: Settings,
    exclusive: bool = False,
    watching: Watching,
    clips: Path | None = None,
    status_seconds: float | None = None,
    on_note: Callable[[str], None] = lambda note: None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Generator[Report, None, None]:
    """Watch sources until all are over or `is_stopped`; what is open then is ended.

    Args:
        recognizer: of all sources.
        cameras: by name.
        labels: of cameras without labels of their own; see `Recognizer.recognize`.
        templates: as in `Recognizer.recognize`.
        threshold: of cameras without one of their own.
        settings: as in `Recognizer.watch`.
        exclusive: as in `Recognizer.watch`.
        watching: as in `Recognizer.watch`.
        clips: a folder for a video of each moment.
        status_seconds: how often to report `Counts`; by default never.
        on_note: called with notes, from several threads; with several sources they begin with the
            source's name.
        is_stopped: called several times a second, from several threads.

    Yields:
        Reports as soon as they are certain. `Failed` is the last one of its source.

    Raises:
        ValueError: labels, templates or a threshold are wrong.
    """
    stopped = threading.Event()
    reports: queue.Queue[Report | Exception | None] = queue.Queue(_MAX_WAITING)
    statuses = {name: Status() for name in cameras}
    sources = []
    for name, camera in cameras.items():
        prefix = f"{name}: " if len(cameras) > 1 else ""
        note = _prefixed(on_note, prefix)
        recorder = Recorder(clips, name, note) if clips else None
        events = recognizer.watch(
            camera.address,
            labels if camera.labels is None else camera.labels,
            templates,
            threshold=threshold if camera.threshold is None else camera.threshold,
            settings=settings,
            exclusive=exclusive,
            watching=watching,
            on_note=note,
            is_stopped=lambda: stopped.is_set() or is_stopped(),
            status=statuses[name],
            on_frame=recorder.push if recorder else lambda seconds, frame: None,
        )
        sources.append(_Source(name, events, statuses[name], recorder, reports))
    with _running(sources, reports, stopped) as threads:
        num_running = len(threads)
        next_status = time.monotonic() + (status_seconds or 0)
        while num_running:
            wait = max(0.0, next_status - time.monotonic()) if status_seconds else None
            try:
                report = reports.get(timeout=wait)
            except queue.Empty:
                next_status += status_seconds or 0
                for name, status in statuses.items():
                    counts = Counts(status.num_connections, status.num_dropped)
                    yield Report(name, _now(), counts)
                continue
            if isinstance(report, Exception):
                raise report
            if report is None:
                num_running -= 1
            else:
                yield report


@dataclass(frozen=True, eq=False)
class _Source:
    """Runs in a thread: the events of one source become reports, and None after the last one."""

    name: str
    events: Generator[Event]
    status: Status
    recorder: Recorder | None
    reports: queue.Queue[Report | Exception | None]

    def watch(self) -> None:
        try:
            with closing(self.events):
                for event in self.events:
                    if not isinstance(event, Slot):
                        self.reports.put(self._report(event))
        except (ValueError, OSError) as error:
            self.reports.put(Report(self.name, _now(), Failed(str(error))))
        except Exception as error:  # our bug: raised where the reports are read
            self.reports.put(error)
        finally:
            if self.recorder:
                self.recorder.close()
            self.reports.put(None)

    def _report(self, event: Began | Ended) -> Report:
        second_0 = self.status.second_0
        assert second_0 is not None  # a frame has come
        if isinstance(event, Began):
            time = second_0 + timedelta(seconds=event.start_seconds)
            if self.recorder:
                self.recorder.begin(event, time)
            return Report(self.name, time, event)
        time = second_0 + timedelta(seconds=event.moment.end_seconds)
        clip = self.recorder.end(event.moment.label) if self.recorder else None
        return Report(self.name, time, event, clip)


@contextmanager
def _running(
    sources: Sequence[_Source],
    reports: queue.Queue[Report | Exception | None],
    stopped: threading.Event,
) -> Iterator[list[threading.Thread]]:
    """Run a thread for each source; all have ended afterwards."""
    threads = [threading.Thread(target=source.watch, name=source.name) for source in sources]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        stopped.set()
        while any(thread.is_alive() for thread in threads):
            try:
                reports.get(timeout=0.1)  # so that no thread waits for room
            except queue.Empty:
                continue


def _prefixed(on_note: Callable[[str], None], prefix: str) -> Callable[[str], None]:
    return lambda note: on_note(f"{prefix}{note}")


def _now() -> datetime:
    return datetime.now().astimezone()
