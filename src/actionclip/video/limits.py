"""Untrusted videos become frames within limits, decoded in a process of their own.

A `Decoder` reads as the functions of `decode` do: the same frames, warnings and errors. Its process
may crash and is killed where it takes too long; the next call starts a new one. It is no jail: a
process that a file has taken over can do what the user can. Knows nothing of how files are read.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Integer, UInt8

from actionclip.video.child_process import ChildProcess, EndedError, Part
from actionclip.video.decode import VideoInfo


@dataclass(frozen=True)
class Limits:
    """What one video may take."""

    seconds_per_frame: float = 60.0
    """Until the next answer comes: a frame of a stream, or all of the frames that were asked for
    by index. A video that has to be decoded to its end to be counted may need more."""
    memory_bytes: int = 4 * 2**30
    """Address space of the decoding process (on Linux; elsewhere nothing limits it). Eight frames
    of 3840×2160 pixels take 0.8 GiB, of 7680×4320 pixels 2.4 GiB."""
    pixels: int = 8192 * 4320
    """Of one frame: width × height, as coded (in whole blocks) and as asked for."""
    frames: int = 1_000_000
    """Given out for one video in one call."""
    duration_seconds: float = 24 * 3600.0
    """From the start of the first frame to the end of the last."""


class Decoder:
    """Reads videos in another process. Not for use by several threads: each takes its own."""

    def __init__(self, limits: Limits = Limits()) -> None:
        """Set the limits; the process is started by the first call, or by `start`."""
        self.limits = limits
        self._children: list[ChildProcess] = []

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> None:
        """Start the process now and do not wait for it; the first call is then quicker."""
        self._children = [child for child in self._children if child.is_running]
        if not any(child.is_idle for child in self._children):
            self._children.append(ChildProcess(dataclasses.asdict(self.limits)))

    def close(self) -> None:
        """End the process; streams that are not at their end break off. A later call starts one."""
        for child in self._children:
            child.end("the decoder was closed while it was read; read it before closing")
        self._children = []

    def probe(self, path: str | Path) -> VideoInfo:
        """Say what a video holds.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits.
        """
        [(info, _)] = self._ask("probe", path)
        return VideoInfo(Path(path), **info)

    def read_frames(
        self,
        path: str | Path,
        indices: Sequence[int] | Integer[np.ndarray, " T"],
        short_side: int | None = None,
    ) -> UInt8[np.ndarray, "T H W 3"]:
        """Read the frames with these numbers, counted in the order of showing.

        Args:
            path: a video file.
            indices: from 0 to the number of frames - 1, in any order, repeats allowed.
            short_side: scale the frames to this short side; by default they keep their size.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits, or it has
                no such frame.
        """
        numbers = np.asarray(indices, np.int64).tolist()
        [(_, frames)] = self._ask("read_frames", path, indices=numbers, short_side=short_side)
        return frames

    def stream_frames(
        self, path: str | Path, frames_per_second: float, short_side: int | None = None
    ) -> Iterator[tuple[float, UInt8[np.ndarray, "H W 3"]]]:
        """Read a whole video at a steady rate, one frame at a time.

        Args:
            path: a video file.
            frames_per_second: how many frames to give for each second of it.
            short_side: scale the frames to this short side; by default they keep their size.

        Yields:
            Seconds from the first frame (0, 1 / rate, 2 / rate, …), and the frame then on screen.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits.
        """
        parts = self._ask(
            "stream_frames", path, frames_per_second=frames_per_second, short_side=short_side
        )
        for header, frame in parts:
            yield header["seconds"], frame

    def _ask(self, operation: str, path: str | Path, **arguments: object) -> Iterator[Part]:
        """Give the parts of an answer. A process that is left before their end is ended."""
        self.start()
        child = next(child for child in self._children if child.is_idle)
        try:
            yield from child.ask(operation, str(Path(path)), arguments)
        except EndedError as ended:
            raise ValueError(f"{path}: {ended}") from None
        finally:
            if not child.is_idle:
                child.end("reading it was given up")
