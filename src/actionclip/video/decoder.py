"""Untrusted videos become frames within limits, decoded in processes of their own.

A `Decoder` has the functions of `decode`: the same frames, warnings and errors. Its processes may
crash and are killed where they exceed a limit; the next call starts a new one. They are no jail: a
process that a file has taken over can do what the user can.
"""

from __future__ import annotations

import dataclasses
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float64, Int64, Integer, UInt8

from actionclip import prefetch
from actionclip.video.child_process import ChildProcess, EndedError, Part
from actionclip.video.decode import VideoInfo
from actionclip.video.pictures import Picture
from actionclip.video.pixels import Geometry

_choosing = threading.Lock()
"""Held while a process is chosen for a request."""
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_choosing.acquire,
        after_in_parent=_choosing.release,
        after_in_child=_choosing.release,
    )


_NUM_AHEAD = 2


@dataclass(frozen=True)
class Limits:
    """What one video may take."""

    cpu_seconds: float = 60.0
    """Processor time, of all threads together, until the next part of a response: a frame of a
    stream, or all of the frames that were requested by index. A video that has to be decoded to
    its end to be counted may need more."""
    stall_seconds: float = 60.0
    """Time in which the decoding process computes nothing and returns nothing."""
    memory_bytes: int = 4 * 2**30
    """Address space of a decoding process (on Linux; elsewhere nothing limits it). Eight frames
    of 3840×2160 pixels take 0.8 GiB, of 7680×4320 pixels 2.4 GiB."""
    pixels: int = 8192 * 4320
    """Of one frame: width × height, as coded (in whole blocks) and as requested."""
    frames: int = 1_000_000
    """Returned for one video in one call."""
    duration_seconds: float = 24 * 3600.0
    """From the start of the first frame to the end of the last."""


class Decoder:
    """Reads videos in other processes: one for each request at the same time, started when needed.

    Threads may share it. A forked or spawned process starts processes of its own.
    """

    def __init__(self, limits: Limits = Limits()) -> None:
        """Set the limits; a process is started by the first call, or by `start`."""
        self.limits = limits
        self._children: list[ChildProcess] = []

    def __enter__(self) -> Decoder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Decoder], tuple[Limits]]:
        return Decoder, (self.limits,)

    def start(self) -> None:
        """Start a process without waiting for it; the first call is then quicker."""
        self._free_child()

    def close(self) -> None:
        """End the processes; unfinished streams raise an error. A later call starts a new one."""
        with _choosing:
            children, self._children = self._children, []
        for child in children:
            child.end("the decoder was closed while it was read; read it before closing")

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
            Seconds on the file's clock (multiples of 1 / rate, the first one where the pictures
            begin, or just before), and the frame then on screen.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits.
        """
        parts = self._ask(
            "stream_frames", path, frames_per_second=frames_per_second, short_side=short_side
        )
        for header, frame in parts:
            yield header["seconds"], frame

    def read_frames_at(
        self,
        path: str | Path,
        seconds: Sequence[float] | Float[np.ndarray, " T"],
        short_side: int | None = None,
    ) -> UInt8[np.ndarray, "T H W 3"]:
        """Read the frames on screen at these times; the file is read only around them.

        Args:
            path: a video file.
            seconds: as `decode.read_frames_at` takes them.
            short_side: scale the frames to this short side; by default they keep their size.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits, or a time
                is negative.
        """
        times = np.asarray(seconds, np.float64).tolist()
        [(_, frames)] = self._ask("read_frames_at", path, seconds=times, short_side=short_side)
        return frames

    def keyframes_near(
        self, path: str | Path, indices: Sequence[int] | Integer[np.ndarray, " T"]
    ) -> tuple[Int64[np.ndarray, " T"], Float64[np.ndarray, " T"]]:
        """Return the keyframe nearest to each of these frames, as `decode.keyframes_near` does.

        Returns:
            The indices of the keyframes, and how many seconds each is from the frame.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits, or it has
                no such frame.
        """
        numbers = np.asarray(indices, np.int64).tolist()
        [(_, packed)] = self._ask("keyframes_near", path, indices=numbers)
        nearest, seconds = packed.reshape(2, -1)
        return nearest.view(np.int64), seconds.view(np.float64)

    def frames_between(
        self, path: str | Path, start_seconds: float = 0.0, end_seconds: float | None = None
    ) -> range:
        """Return the numbers of the frames of a part of a video, as `decode.frames_between` does.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits.
        """
        arguments = {"start_seconds": start_seconds, "end_seconds": end_seconds}
        [(numbers, _)] = self._ask("frames_between", path, **arguments)
        return range(numbers["first"], numbers["end"])

    def read_picture(self, path: str | Path) -> UInt8[np.ndarray, "H W 3"]:
        """Read a picture file with Pillow, as `pillow.read_picture`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a picture that can be read within the limits.
        """
        [(_, picture)] = self._ask("read_picture", path)
        return picture

    def stream_pictures(
        self, path: str | Path, start_seconds: float, end_seconds: float
    ) -> Iterator[Picture]:
        """Read a part of a video as it was coded, one picture at a time, as `pictures.between`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the file is not a video that can be decoded within the limits.
        """
        parts = self._ask(
            "stream_pictures", path, start_seconds=start_seconds, end_seconds=end_seconds
        )
        for header, planes in parts:
            shown = header["geometry"]
            shown["pixel_aspect"] = Fraction(shown["pixel_aspect"])
            seconds, colours = Fraction(header["seconds"]), tuple(header["colours"])
            yield Picture(seconds, planes, Geometry(**shown), colours)

    def _ask(self, operation: str, path: str | Path, **arguments: object) -> Iterator[Part]:
        """Yield the parts of a response. A process left before their end is ended."""
        child = self._free_child(is_for_request=True)
        try:
            yield from child.ask(operation, str(Path(path)), arguments)
        except EndedError as ended:
            raise ValueError(f"{path}: {ended}") from None
        finally:
            if not child.is_idle:
                child.end("reading it was given up")

    def _free_child(self, *, is_for_request: bool = False) -> ChildProcess:
        """Return an idle process; for a request it is not idle any more."""
        with _choosing:
            self._children = [child for child in self._children if child.is_running]
            idle = [child for child in self._children if child.is_idle]
            if not idle:
                idle = [ChildProcess(dataclasses.asdict(self.limits))]
                self._children += idle
            idle[0].is_idle = not is_for_request
            return idle[0]


SHARED_DECODER = Decoder()
"""The decoder of this process, with the usual limits, for all code that needs no other."""


def prefetch_frames(
    videos: Iterable[Path],
    choose: Callable[[VideoInfo], np.ndarray],
    short_side: int,
    decoders: Sequence[Decoder],
) -> Iterator[tuple[Path, UInt8[np.ndarray, "T H W 3"] | Exception]]:
    """Read some frames of each video.

    Args:
        videos: files.
        choose: says which frames of a video are wanted, by their numbers.
        short_side: to which frames are scaled while they are decoded.
        decoders: decode, each one video at a time; nobody else may use them meanwhile.

    Yields:
        Each video with its frames, (T, H, W, 3); or with what is wrong with it, a ValueError or
        an OSError.
    """
    idle = queue.SimpleQueue[Decoder]()
    for decoder in decoders:
        idle.put(decoder)

    def read(video: Path) -> tuple[Path, UInt8[np.ndarray, "T H W 3"] | Exception]:
        decoder = idle.get()
        try:
            numbers = choose(decoder.probe(video))
            return video, decoder.read_frames(video, numbers, short_side)
        except (ValueError, OSError) as error:
            return video, error
        finally:
            idle.put(decoder)

    with ThreadPoolExecutor(len(decoders)) as threads:
        yield from prefetch.ordered_map(read, videos, threads, _NUM_AHEAD * len(decoders))
