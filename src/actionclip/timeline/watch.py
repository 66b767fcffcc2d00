"""A camera, a server, a pipe or a file becomes events: moments, as they begin and end.

A thread reads frames into a bounded queue: where they come faster than the model encodes them, the
oldest are dropped and counted. Lost connections are made again; steps follow the clock meanwhile.
The engine is that of files, so that the same frames give the same moments. Memory does not grow.

Shapes:
    T: frames in the queue   H W: pixels of a frame   E: width of the vision tower
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip.core import encode
from actionclip.model.actionclip import ActionCLIP
from actionclip.timeline.engine import Engine, Score
from actionclip.timeline.moments import Event
from actionclip.timeline.settings import Settings
from actionclip.video.connection import Address, Connection, ConnectionLostError, LiveFrames

Note = Callable[[str], None]
OnFrame = Callable[[float, UInt8[np.ndarray, "H W 3"]], None]
"""Takes the second of a frame, and the frame as the model gets it."""

_MAX_FRAMES_AT_ONCE = 16
_POLL_SECONDS = 0.2
"""How long it takes at most until a stop is noticed."""
_SECONDS_BETWEEN_REPORTS = 10.0
_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Watching:
    """How an address is read."""

    in_real_time: bool = True
    """Give frames of a file at their times, and drop those that are not taken in time; otherwise
    all frames are given, and the source has to wait."""
    max_delay_seconds: float = 5.0
    """Frames that have waited for longer are dropped."""
    timeout_seconds: float = 10.0
    """A camera or a server that is silent for so long is lost."""
    retries: int | None = None
    """How often in a row to try to connect again; None: without end."""


@dataclass
class Status:
    """How watching a source goes; it changes meanwhile."""

    second_0: datetime | None = None
    """When that was, by the clock; known from the first frame on."""
    num_connections: int = 0
    """With the first one; a jump of the source's clock counts too."""
    num_dropped: int = 0
    """Frames that the model was too slow for."""


def watch(
    model: ActionCLIP,
    address: Address,
    labels: Sequence[str],
    score: Score,
    settings: Settings,
    watching: Watching,
    on_note: Note = lambda note: None,
    is_stopped: Callable[[], bool] = lambda: False,
    status: Status | None = None,
    on_frame: OnFrame = lambda seconds, frame: None,
) -> Generator[Event, None, None]:
    """Watch until the source ends or `is_stopped`; what is open then is ended.

    Events are yielded as soon as they are certain. `on_note` is called, also from another thread,
    with connections made and lost and the number of dropped frames; `is_stopped` is called several
    times a second. `status` is kept up to date; `on_frame` is called with each frame before the
    events that follow from it. The labels are in the order of the scores.

    Raises:
        ValueError: the source is no video, or the model cannot be used for timelines.
        ConnectionError: there is no connection, and no retry left.
    """
    engine = Engine(model, labels, score, settings)
    max_hole = min(settings.window_seconds) * settings.frames_per_second
    rate, short_side = settings.frames_per_second, model.encoder.short_side
    last: tuple[_Frame, Float[Tensor, " E"]] | None = None
    num_reported, next_report = 0, 0.0
    status = status or Status()
    with closing(_FrameQueue(address, rate, short_side, watching, on_note, status)) as queue:
        is_over = False
        while not is_over:
            frames = None if is_stopped() else queue.get(_MAX_FRAMES_AT_ONCE, _POLL_SECONDS)
            is_over = frames is None
            if frames:
                batch = np.stack([frame.pixels for frame in frames])
                [features] = encode.stream_features(model, [batch])  # (T, E)
                for frame, row in zip(frames, features, strict=True):
                    on_frame(frame.step / rate, frame.pixels)
                    if last is not None:
                        before, row_before = last
                        hole = frame.step - before.step - 1
                        if frame.stretch != before.stretch:
                            yield from engine.finish()
                        elif 0 < hole <= max_hole:  # the frame before counts as still on screen
                            yield from engine.push(before.step + 1, row_before.expand(hole, -1))
                    last = frame, row
                    yield from engine.push(frame.step, row[None])
            elif is_over or not queue.is_connected:
                yield from engine.finish()
            if status.num_dropped > num_reported and (is_over or time.monotonic() >= next_report):
                num_reported = status.num_dropped
                next_report = time.monotonic() + _SECONDS_BETWEEN_REPORTS
                on_note(f"{num_reported} frames dropped so far: they come faster than they go")
        if queue.failure:
            raise queue.failure


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame of the source."""

    stretch: int
    """The same for frames with nothing lost between them but dropped frames."""
    step: int
    """Since second 0 of the file, or of the first connection."""
    pixels: UInt8[np.ndarray, "H W 3"]


class _FrameQueue:
    """Reads an address in a thread until it ends or is closed; holds the frames not yet taken."""

    def __init__(
        self,
        address: Address,
        frames_per_second: float,
        short_side: int | None,
        watching: Watching,
        on_note: Note,
        status: Status,
    ) -> None:
        self._connect = lambda: Connection(
            address,
            frames_per_second,
            short_side,
            in_real_time=watching.in_real_time,
            timeout_seconds=watching.timeout_seconds,
        )
        self._rate = frames_per_second
        self._watching = watching
        self._on_note = on_note
        self._status = status
        self._frames: deque[_Frame] = deque()
        self._capacity = max(1, round(watching.max_delay_seconds * frames_per_second))
        self._changed = threading.Condition()
        self._is_closed = threading.Event()
        self._is_over = False
        self.failure: Exception | None = None
        """Why reading is over, if that is not the end: no video is there, or no connection."""
        self._connection: Connection | None = None
        self.is_connected = False
        """Frames have come, and more may come with nothing lost between."""
        self._thread = threading.Thread(target=self._read, name="frames", daemon=True)
        self._thread.start()

    def get(self, max_frames: int, timeout_seconds: float) -> list[_Frame] | None:
        """Return the oldest frames; an empty list if none comes in time, None after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._is_over, timeout_seconds)
            if not self._frames:
                return None if self._is_over else []
            count = min(max_frames, len(self._frames))
            frames = [self._frames.popleft() for _ in range(count)]
            self._changed.notify_all()
            return frames

    def close(self) -> None:
        """Stop reading at once."""
        self._is_closed.set()
        with self._changed:
            self._changed.notify_all()
            if self._connection:
                self._connection.close()
        self._thread.join()

    def _read(self) -> None:
        try:
            for frame in self._read_connections():
                self._put(frame)
        except Exception as error:
            self.failure = error
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _read_connections(self) -> Iterator[_Frame]:
        """Read one connection after the other; steps go on by the clock between them."""
        waits, num_failures = _waits(), 0
        stretch = first_step = next_step = 0
        origin_seconds = None  # when step 0 was
        while not self._is_closed.is_set():
            what, last_step = "connected", None
            try:
                for step, pixels in self._read_connection():
                    waits, num_failures = _waits(), 0
                    if last_step is None or step <= last_step:
                        now = time.monotonic()
                        if origin_seconds is None:
                            origin_seconds = now - step / self._rate
                        by_clock = round((now - origin_seconds) * self._rate)
                        first_step = max(next_step, by_clock) - step
                        stretch += 1
                        second = (first_step + step) / self._rate
                        clock = datetime.now().astimezone()
                        self._status.second_0 = clock - timedelta(seconds=second)
                        self._status.num_connections += 1
                        time_of_day = clock.isoformat(sep=" ", timespec="seconds")
                        self._on_note(f"{what}; second {second:g} is {time_of_day}")
                        what = "its clock jumped"
                    last_step, next_step = step, first_step + step + 1
                    yield _Frame(stretch, first_step + step, pixels)
                return
            except ConnectionLostError as lost:
                if self._is_closed.is_set():
                    return
                if num_failures == self._watching.retries:
                    raise ConnectionError(f"no connection ({lost}); check the address") from None
                seconds = next(waits)
                self._on_note(f"no connection ({lost}); trying again in {seconds:.1f} s")
                self._is_closed.wait(seconds)
                num_failures += 1

    def _read_connection(self) -> LiveFrames:
        with self._changed:
            if self._is_closed.is_set():
                return
            self._connection = self._connect()
        try:
            for step_and_pixels in self._connection.frames():
                self.is_connected = True
                yield step_and_pixels
        finally:
            self.is_connected = False
            self._connection.close()

    def _put(self, frame: _Frame) -> None:
        with self._changed:
            if not self._watching.in_real_time:
                self._changed.wait_for(
                    lambda: len(self._frames) < self._capacity or self._is_closed.is_set()
                )
            elif len(self._frames) == self._capacity:
                self._frames.popleft()
                self._status.num_dropped += 1
            self._frames.append(frame)
            self._changed.notify_all()


def _waits() -> Iterator[float]:
    """Yield the seconds until the next try: doubled each time, with jitter."""
    seconds = _FIRST_WAIT_SECONDS
    while True:
        yield seconds * random.uniform(0.5, 1)
        seconds = min(2 * seconds, _LONGEST_WAIT_SECONDS)
