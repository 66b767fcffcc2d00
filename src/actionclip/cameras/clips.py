"""The moments of a live source become videos that begin some seconds before them.

The frames are those that the model got: as many a second, of the same size, without sound. The
last seconds are held in memory; from the beginning of a moment on frames are encoded as they come,
so that memory does not grow.

Shapes:
    H W: pixels of a frame
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime
from fractions import Fraction
from pathlib import Path

import av
import av.error
import numpy as np
from av.video.frame import VideoFrame
from jaxtyping import UInt8

from actionclip import atomic_write
from actionclip.timeline import export
from actionclip.timeline.moments import Began

BEFORE_SECONDS = 3.0
"""A clip begins so long before its moment."""
_HELD_SECONDS = BEFORE_SECONDS + 12.0
"""A moment is certain some seconds after it began."""
_LONGEST_SECONDS = 600.0
"""A clip does not grow further; the moment goes on."""
_TIME_BASE = Fraction(1, 90_000)
_OPTIONS = {"crf": "23", "preset": "veryfast", "tune": "zerolatency", "threads": "1"}

Frame = UInt8[np.ndarray, "H W 3"]


class Recorder:
    """Records the moments of one source; used by one thread."""

    def __init__(self, folder: Path, source: str, on_note: Callable[[str], None]) -> None:
        """Record nothing yet.

        Args:
            folder: for the clips; made if it is missing.
            source: begins the name of each file.
            on_note: called with why a clip cannot be written; recognition goes on without.
        """
        self._folder = folder
        self._source = source
        self._on_note = on_note
        self._held: deque[tuple[float, Frame]] = deque()
        self._clips: dict[str, _Clip] = {}
        """Of open moments, by label."""

    def push(self, seconds: float, frame: Frame) -> None:
        """Take the next frame."""
        if self._held and self._held[-1][1].shape != frame.shape:  # another camera answers
            self._held.clear()
        self._held.append((seconds, frame))
        while seconds - self._held[0][0] > _HELD_SECONDS:
            self._held.popleft()
        for label, clip in list(self._clips.items()):
            self._try(label, lambda clip=clip: clip.add(seconds, frame))

    def begin(self, moment: Began, time: datetime) -> None:
        """Begin the clip of a moment; `time` is when it began, and names the file."""
        words = (self._source, f"{time:%Y-%m-%dT%H-%M-%S}.{time.microsecond // 1000:03}")
        stem = "_".join((export.name_of(words[0]), words[1], export.name_of(moment.label)))
        first = moment.start_seconds - BEFORE_SECONDS

        def begin() -> None:
            self._folder.mkdir(parents=True, exist_ok=True)
            clip = self._clips[moment.label] = _Clip(self._folder / f"{stem}.mp4")
            for seconds, frame in self._held:
                if seconds >= first:
                    clip.add(seconds, frame)

        self._try(moment.label, begin)

    def end(self, label: str) -> Path | None:
        """End the clip of a label's moment, and return its path; None if it cannot be written."""
        clip = self._clips.get(label)
        if clip is None:
            return None
        self._try(label, clip.finish)
        return clip.path if self._clips.pop(label, None) else None

    def close(self) -> None:
        """Remove what is unfinished."""
        for clip in self._clips.values():
            clip.discard()
        self._clips.clear()

    def _try(self, label: str, action: Callable[[], None]) -> None:
        """Do something with the clip of a label; where that fails, it is given up."""
        try:
            action()
        except (OSError, av.error.FFmpegError) as error:
            if clip := self._clips.pop(label, None):
                clip.discard()
            self._on_note(f"no clip of {label!r}: {error}")


class _Clip:
    """A video that is being written; it has its name once it is finished."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._open = ExitStack()
        unfinished = self._open.enter_context(atomic_write.replacing(path, durable=False))
        self._container = self._open.enter_context(av.open(str(unfinished), "w", format="mp4"))
        self._stream = self._container.add_stream("libx264", options=_OPTIONS)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = _TIME_BASE
        self._first_seconds: float | None = None
        self._shape: tuple[int, ...] = ()

    def add(self, seconds: float, frame: Frame) -> None:
        if self._first_seconds is None:
            self._first_seconds, self._shape = seconds, frame.shape
            self._stream.height, self._stream.width = (size & ~1 for size in frame.shape[:2])
        if seconds - self._first_seconds > _LONGEST_SECONDS or frame.shape != self._shape:
            return
        even = frame[: self._stream.height, : self._stream.width]
        picture = VideoFrame.from_ndarray(np.ascontiguousarray(even), format="rgb24")
        picture.pts = round((seconds - self._first_seconds) / _TIME_BASE)
        picture.time_base = _TIME_BASE
        self._container.mux(self._stream.encode(picture))

    def finish(self) -> None:
        self._container.mux(self._stream.encode())
        self._open.close()

    def discard(self) -> None:
        given_up = OSError("the clip is given up")
        self._open.__exit__(OSError, given_up, None)
