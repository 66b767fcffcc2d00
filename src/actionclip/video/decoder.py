"""The public interface to video files: a `Decoder` reads their frames in limited processes.

The functions of the same names in `decode` and `pictures` run there, within limits; warnings and
errors come back. The processes may crash, and are killed where they exceed a limit; the next call
starts a new one. They are no jail: a process that a file has taken over can do what the user can.
"""

from __future__ import annotations

import dataclasses
import os
import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from actionclip import prefetch
from actionclip.video.child_process import ChildProcess, EndedError, Part
from actionclip.video.decode import (
    USUAL,
    Frame,
    Frames,
    Indices,
    Keyframes,
    Limits,
    Times,
    VideoInfo,
    VideoPath,
)
from actionclip.video.pictures import Picture
from actionclip.video.pixels import Geometry

_NUM_AHEAD = 2  # videos that are read in advance, for each decoder
Clip = TypeVar("Clip")
_choosing = threading.Lock()  # held while a process is chosen for a request
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_choosing.acquire,
        after_in_parent=_choosing.release,
        after_in_child=_choosing.release,
    )


class Surroundings(NamedTuple):
    """Frames of a video, and those around them, in order; with their times in seconds."""

    frames: Frames
    seconds: list[float]
    around: Frames
    around_seconds: list[float]


class Decoder:
    """Reads videos in a pool of processes: one for each simultaneous request, started when needed.

    Threads may share it. A forked or spawned process starts processes of its own. Seconds are on
    the file's clock (see `timetable`). All methods that take a path raise:

        FileNotFoundError: there is no such file.
        ValueError: the file cannot be decoded within the limits, or holds no such frame.
    """

    def __init__(self, limits: Limits = USUAL) -> None:
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
        """Start a process without waiting for it; the first call is then faster."""
        self._free_child()

    def close(self) -> None:
        """End the processes; unfinished streams raise an error. A later call starts a new one."""
        with _choosing:
            children, self._children = self._children, []
        for child in children:
            child.end("the decoder was closed while it was read; read it before closing")

    def probe(self, path: VideoPath) -> VideoInfo:
        """Return size, length and rate of a video."""
        [(info, _)] = self._request("probe", path)
        return VideoInfo(**{**info, "path": Path(path)})

    def read_frames(
        self, path: VideoPath, indices: Indices, short_side: int | None = None
    ) -> Frames:
        """Read frames by index.

        A frame that cannot be decoded is replaced by the one before it, with a warning.

        Args:
            path: a video file.
            indices: in display order, 0 to the number of frames - 1, in any order, repeats allowed.
            short_side: scale the frames to this short side; by default they are not scaled.
        """
        numbers = np.asarray(indices, np.int64).tolist()
        [(_, frames)] = self._request("read_frames", path, indices=numbers, short_side=short_side)
        return frames

    def read_frames_at(
        self, path: VideoPath, seconds: Times, short_side: int | None = None
    ) -> Frames:
        """Read the frames on screen at these times; the file is decoded only around them.

        Args:
            path: a video file.
            seconds: in any order, repeats allowed; before the first frame it is that one, after the
                last frame that one.
            short_side: as in `read_frames`.
        """
        times = np.asarray(seconds, np.float64).tolist()
        [(_, frames)] = self._request("read_frames_at", path, seconds=times, short_side=short_side)
        return frames

    def read_frames_around(
        self,
        path: VideoPath,
        indices: Indices,
        frames_per_second: float,
        seconds: float,
        within: range,
        short_side: int | None = None,
    ) -> Surroundings:
        """Read frames by index, and in the same go what is shown around each of them.

        Args:
            path: a video file.
            indices: as in `read_frames`.
            frames_per_second: of the frames around, which are those on screen at multiples of
                1 / rate.
            seconds: before and after each frame; at the ends of the part, inside it.
            within: the indices of the frames of the part.
            short_side: as in `read_frames`.
        """
        [((wanted, times), frames)] = self._request(
            "read_frames_around",
            path,
            indices=np.asarray(indices, np.int64).tolist(),
            frames_per_second=frames_per_second,
            seconds=seconds,
            within=(within.start, within.stop),
            short_side=short_side,
        )
        num_wanted = len(wanted)
        own = frames[:num_wanted].copy()  # a view would keep those around in memory with them
        return Surroundings(own, wanted, frames[num_wanted:], times)

    def stream_frames(
        self, path: VideoPath, frames_per_second: float, short_side: int | None = None
    ) -> Iterator[tuple[float, Frame]]:
        """Read a whole video at a steady rate, one frame at a time.

        Yields:
            Seconds (multiples of 1 / rate, the first one where the pictures begin, or just before),
            and the frame then on screen.
        """
        arguments = {"frames_per_second": frames_per_second, "short_side": short_side}
        yield from self._request("stream_frames", path, **arguments)

    def keyframes_near(self, path: VideoPath, indices: Indices) -> Keyframes:
        """Return the keyframe nearest to each of these frames: reading it decodes no other frame.

        In a file that has to be decoded from its start anyway, each frame is its own.

        Returns: their indices, and how many seconds each is from the frame.
        """
        numbers = np.asarray(indices, np.int64).tolist()
        [(_, packed)] = self._request("keyframes_near", path, indices=numbers)
        nearest, seconds = packed.reshape(2, -1)
        return nearest.view(np.int64), seconds.view(np.float64)

    def frames_between(
        self, path: VideoPath, start_seconds: float = 0.0, end_seconds: float | None = None
    ) -> range:
        """Return the indices of the frames on screen during a part of a video, at least one.

        A part before the first frame has that one, a part after the last frame that one. Without
        an end it lasts to the end of the video.
        """
        arguments = {"start_seconds": start_seconds, "end_seconds": end_seconds}
        [((first, end), _)] = self._request("frames_between", path, **arguments)
        return range(first, end)

    def stream_pictures(
        self, path: VideoPath, start_seconds: float, end_seconds: float
    ) -> Iterator[Picture]:
        """Read the pictures on screen from a time until another, exclusive, as they were coded.

        There is at least one.
        """
        arguments = {"start_seconds": start_seconds, "end_seconds": end_seconds}
        for about, planes in self._request("stream_pictures", path, **arguments):
            geometry = about["geometry"]
            geometry["pixel_aspect"] = Fraction(geometry["pixel_aspect"])
            seconds, colours = Fraction(about["seconds"]), tuple(about["colours"])
            yield Picture(seconds, planes, Geometry(**geometry), colours)

    def read_picture(self, path: VideoPath) -> Frame:
        """Read a picture file with Pillow, at its full size, as it is stored."""
        [(_, picture)] = self._request("read_picture", path)
        return picture

    def _request(self, operation: str, path: VideoPath, **arguments: object) -> Iterator[Part]:
        """Yield the parts of a response. A process that is left before their end is ended."""
        child = self._free_child(is_for_request=True)
        try:
            yield from child.request(operation, str(Path(path)), arguments)
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
"""The decoder of this process, with the default limits, for all code that needs no other."""


def prefetch_clips(
    videos: Iterable[Path], read: Callable[[Decoder, Path], Clip], decoders: Sequence[Decoder]
) -> Iterator[tuple[Path, Clip | Exception]]:
    """Read a clip of each video, while those before it are used.

    Args:
        videos: files.
        read: called in several threads, with one of the decoders each.
        decoders: nobody else may use them meanwhile.

    Yields:
        Each video in order with its clip, or with what is wrong with it, a ValueError or OSError.
    """
    idle = queue.SimpleQueue[Decoder]()
    for decoder in decoders:
        idle.put(decoder)

    def read_one(video: Path) -> tuple[Path, Clip | Exception]:
        decoder = idle.get()
        try:
            return video, read(decoder, video)
        except (ValueError, OSError) as error:
            return video, error
        finally:
            idle.put(decoder)

    with ThreadPoolExecutor(len(decoders)) as threads:
        yield from prefetch.ordered_map(read_one, videos, threads, _NUM_AHEAD * len(decoders))
