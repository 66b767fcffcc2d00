"""Frames arrive from an address and wait to be taken; connections that are lost are made again.

A thread reads all the time. What waits is bounded: where frames come faster than they are taken,
the oldest are dropped and counted, as a camera does with what nobody looks at. Steps go on by the
clock while there is no connection. Knows no models.
"""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from jaxtyping import UInt8

from actionclip.video.connection import Address, Connection, ConnectionLostError

Note = Callable[[str], None]

_FIRST_WAIT_SECONDS = 1.0
_LONGEST_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Watching:
    """How an address is read."""

    in_real_time: bool = True
    """Give frames of a file when its times say, and drop what is not taken in time; otherwise all
    frames are given, and the other side has to wait."""
    max_delay_seconds: float = 5.0
    """Frames that have waited for longer are dropped."""
    timeout_seconds: float = 10.0
    """A camera or a server that is silent for so long is lost."""
    retries: int | None = None
    """How often in a row to try again to connect; without end if not said."""


@dataclass(frozen=True, eq=False)
class Arrival:
    """A frame that came."""

    stretch: int
    """The same for frames with nothing lost between them but what was dropped."""
    step: int
    """Since second 0 of the file, or of the first connection."""
    frame: UInt8[np.ndarray, "H W 3"]
    monotonic_seconds: float
    """When it came."""


class Arrivals:
    """Reads an address until it ends or is closed."""

    def __init__(
        self,
        address: Address,
        frames_per_second: float,
        short_side: int | None,
        watching: Watching,
        on_note: Note,
    ) -> None:
        """Begin to read.

        Args:
            address: where to read.
            frames_per_second: how many frames to give for each second.
            short_side: scale the frames to this short side.
            watching: how to read.
            on_note: told of connections made and lost, from another thread.
        """
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
        self._waiting: deque[Arrival] = deque()
        self._capacity = max(1, round(watching.max_delay_seconds * frames_per_second))
        self._changed = threading.Condition()
        self._is_closed = threading.Event()
        self._is_over = False
        self.failure: Exception | None = None
        """Why it is over, if that is not the end: no video is there, or no connection."""
        self._connection: Connection | None = None
        self.is_connected = False
        """Frames have come, and more may come with nothing lost between."""
        self.num_dropped = 0
        """Frames that were never taken."""
        self._stretch = 0
        self._first_step = 0
        """Of the stretch."""
        self._next_step = 0
        self._origin_seconds: float | None = None
        """When step 0 was."""
        self._thread = threading.Thread(target=self._read, name="arrivals", daemon=True)
        self._thread.start()

    def take(self, most: int, timeout_seconds: float) -> list[Arrival] | None:
        """Give what has come, oldest first; nothing if none comes in time, None after the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over, timeout_seconds)
            if self._waiting:
                count = min(most, len(self._waiting))
                taken = [self._waiting.popleft() for _ in range(count)]
                self._changed.notify_all()
                return taken
            return None if self._is_over else []

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
            self._read_connections()
        except Exception as error:
            self.failure = error
        with self._changed:
            self._is_over = True
            self._changed.notify_all()

    def _read_connections(self) -> None:
        """Read one connection after the other."""
        waits = _waits()
        num_failures = 0
        while not self._is_closed.is_set():
            try:
                for arrival in self._arrivals():
                    waits, num_failures = _waits(), 0
                    self._put(arrival)
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

    def _arrivals(self) -> Iterator[Arrival]:
        """Give what one connection brings."""
        with self._changed:
            if self._is_closed.is_set():
                return
            self._connection = self._connect()
        what, last_step = "connected", None
        try:
            for step, frame in self._connection.frames():
                now = time.monotonic()
                if last_step is None or step <= last_step:
                    self._begin_stretch(now, step)
                    second = (self._first_step + step) / self._rate
                    self._on_note(f"{what}; second {second:g} is {_clock()}")
                    what = "its clock jumped"
                last_step = step
                self._next_step = self._first_step + step + 1
                yield Arrival(self._stretch, self._first_step + step, frame, now)
        finally:
            self.is_connected = False
            self._connection.close()

    def _begin_stretch(self, now: float, step: int) -> None:
        """Go on with the step that it is by the clock, after all that came."""
        if self._origin_seconds is None:
            self._origin_seconds = now - step / self._rate
        self._stretch += 1
        self.is_connected = True
        next_step = max(self._next_step, round((now - self._origin_seconds) * self._rate))
        self._first_step = next_step - step

    def _put(self, arrival: Arrival) -> None:
        with self._changed:
            if not self._watching.in_real_time:
                self._changed.wait_for(
                    lambda: len(self._waiting) < self._capacity or self._is_closed.is_set()
                )
            elif len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self.num_dropped += 1
            self._waiting.append(arrival)
            self._changed.notify_all()


def _waits() -> Iterator[float]:
    """Give the seconds until the next try: twice as many each time, and never just the same."""
    seconds = _FIRST_WAIT_SECONDS
    while True:
        yield seconds * random.uniform(0.5, 1)
        seconds = min(2 * seconds, _LONGEST_WAIT_SECONDS)


def _clock() -> str:
    return datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
