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
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from actionclip.core import context, encode
from actionclip.core.context import Around
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
    finder = _Finder(model, Engine(model, labels, score, settings), settings)
    num_reported, next_report = 0, 0.0
    status = status or Status()
    short_side = model.encoder.short_side
    with closing(_FrameQueue(address, finder, short_side, watching, on_note, status)) as queue:
        is_over = False
        while not is_over:
            frames = None if is_stopped() else queue.get(_MAX_FRAMES_AT_ONCE, _POLL_SECONDS)
            is_over = frames is None
            if frames:
                for frame in frames:
                    if frame.number % finder.frames_per_step == 0:
                        on_frame(frame.number / finder.frames_per_second, frame.pixels)
                yield from finder.push(frames)
            elif is_over or not queue.is_connected:
                yield from finder.finish()
            if status.num_dropped > num_reported and (is_over or time.monotonic() >= next_report):
                num_reported = status.num_dropped
                next_report = time.monotonic() + _SECONDS_BETWEEN_REPORTS
                on_note(f"{num_reported} frames dropped so far: they come faster than they go")
        if queue.failure:
            raise queue.failure


class _Finder:
    """Frames become rows, and rows go into the engine; holes that are short are filled."""

    def __init__(self, model: ActionCLIP, engine: Engine, settings: Settings) -> None:
        self._model = model
        self._engine = engine
        self._steps_per_second = settings.frames_per_second
        self.frames_per_step = context.frames_per_step(model, self._steps_per_second)
        self.frames_per_second = self._steps_per_second * self.frames_per_step
        self._max_hole = min(settings.window_seconds) * self._steps_per_second
        self._around = Around(model, self._steps_per_second)
        self._stretch, self._first_step = 0, 0
        self._features: deque[tuple[int, Float[Tensor, " E"]]] = deque()
        """Of steps, until it is known what is around them."""
        self._last: tuple[int, Float[Tensor, " _"]] | None = None
        """The last step that went into the engine, and its row."""

    def push(self, frames: Sequence[_Frame]) -> Iterator[Event]:
        """Take the next frames, and find what is certain with them."""
        steps = [each.pixels for each in frames if each.number % self.frames_per_step == 0]
        features: Iterator[Tensor] = iter(())
        if steps:
            clips = encode.make_clip(self._model, np.stack(steps))[None]
            features = iter(encode.vision_features(self._model, clips)[0])
        for frame in frames:
            step, rest = divmod(frame.number, self.frames_per_step)
            if frame.stretch != self._stretch:
                yield from self.finish()
                self._around = Around(self._model, self._steps_per_second)
                self._stretch, self._first_step = frame.stretch, step
            if rest == 0:
                self._features.append((step, next(features)))
            number = frame.number - self._first_step * self.frames_per_step
            yield from self._find(self._around.push(number, frame.pixels))

    def finish(self) -> Iterator[Event]:
        """End what is open: nothing more comes without a gap."""
        yield from self._find(self._around.finish())
        yield from self._engine.finish()
        self._last = None

    def _find(self, rows: Sequence[context.Row]) -> Iterator[Event]:
        for row in rows:
            step, features = self._features.popleft()
            joined = torch.cat([features, row])
            if self._last is not None:
                last_step, last_row = self._last
                hole = step - last_step - 1
                if 0 < hole <= self._max_hole:  # the frame before counts as still on screen
                    yield from self._engine.push(last_step + 1, last_row.expand(hole, -1))
            self._last = step, joined
            yield from self._engine.push(step, joined[None])


@dataclass(frozen=True, eq=False)
class _Frame:
    """A frame of the source."""

    stretch: int
    """The same for frames with nothing lost between them but dropped frames."""
    number: int
    """Since second 0 of the file, or of the first connection."""
    pixels: UInt8[np.ndarray, "H W 3"]


class _FrameQueue:
    """Reads an address in a thread until it ends or is closed; holds the frames not yet taken."""

    def __init__(
        self,
        address: Address,
        finder: _Finder,
        short_side: int | None,
        watching: Watching,
        on_note: Note,
        status: Status,
    ) -> None:
        self._connect = lambda: Connection(
            address,
            finder.frames_per_second,
            short_side,
            in_real_time=watching.in_real_time,
            timeout_seconds=watching.timeout_seconds,
        )
        self._rate = finder.frames_per_second
        self._frames_per_step = finder.frames_per_step
        self._watching = watching
        self._on_note = on_note
        self._status = status
        self._frames: deque[_Frame] = deque()
        self._capacity = max(1, round(watching.max_delay_seconds * self._rate))
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
        """Read one connection after the other; numbers go on by the clock between them.

        A first frame between two steps stands for the step before it as well.
        """
        waits, num_failures = _waits(), 0
        stretch = offset = next_number = 0
        origin_seconds = None  # when frame 0 was
        while not self._is_closed.is_set():
            what, last = "connected", None
            try:
                for number, pixels in self._read_connection():
                    waits, num_failures = _waits(), 0
                    if last is None or number <= last:
                        now = time.monotonic()
                        if origin_seconds is None:
                            origin_seconds = now - number / self._rate
                        by_clock = round((now - origin_seconds) * self._rate)
                        offset = max(next_number, by_clock) - number
                        stretch += 1
                        second = (offset + number) / self._rate
                        clock = datetime.now().astimezone()
                        self._status.second_0 = clock - timedelta(seconds=second)
                        self._status.num_connections += 1
                        time_of_day = clock.isoformat(sep=" ", timespec="seconds")
                        self._on_note(f"{what}; second {second:g} is {time_of_day}")
                        what = "its clock jumped"
                        num_before = (offset + number) % self._frames_per_step
                        for before in range(offset + number - num_before, offset + number):
                            yield _Frame(stretch, before, pixels)
                    last, next_number = number, offset + number + 1
                    yield _Frame(stretch, offset + number, pixels)
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
            for number_and_pixels in self._connection.frames():
                self.is_connected = True
                yield number_and_pixels
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
