"""Questions on standard input become frames on standard output: the process that may be killed.

Started by `child_process`, never by hand; the limits are its argument. It ends with whoever asks.
It imports no torch, writes no file and prints nothing. Knows nothing of who asks.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import logging
import os
import queue
import signal
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from jaxtyping import UInt8

from actionclip.video import decode, live, pictures, source, timetable
from actionclip.video.connection import ConnectionLostError, parse_address
from actionclip.video.decoder import Limits

_PIPE_BYTES = 2**20
"""A few scaled frames: they are decoded while the ones before are looked at."""
_NOTHING = np.empty(0, np.uint8)

Answer = Iterator[tuple[dict[str, Any], UInt8[np.ndarray, "..."]]]


def _probe(limits: Limits, path: Path) -> Answer:
    about = dataclasses.asdict(_probed(limits, path))
    del about["path"]
    yield about, _NOTHING


def _read_frames(limits: Limits, path: Path, indices: list[int], short_side: int | None) -> Answer:
    _check_size(limits, path, short_side)
    _probed(limits, path)
    if len(indices) > limits.frames:
        raise ValueError(_too_many_frames(limits, path))
    yield {}, decode.read_frames(path, indices, short_side)


def _read_frames_at(
    limits: Limits, path: Path, seconds: list[float], short_side: int | None
) -> Answer:
    _check_size(limits, path, short_side)
    if len(seconds) > limits.frames:
        raise ValueError(_too_many_frames(limits, path))
    yield {}, decode.read_frames_at(path, seconds, short_side)


def _keyframes_near(limits: Limits, path: Path, indices: list[int]) -> Answer:
    _probed(limits, path)
    nearest, seconds = decode.keyframes_near(path, indices)
    yield {}, np.concatenate([nearest.view(np.uint8), seconds.view(np.uint8)])


def _frames_between(
    limits: Limits, path: Path, start_seconds: float, end_seconds: float | None
) -> Answer:
    _probed(limits, path)
    numbers = decode.frames_between(path, start_seconds, end_seconds)
    yield {"first": numbers.start, "end": numbers.stop}, _NOTHING


def _read_picture(limits: Limits, path: Path) -> Answer:
    from actionclip.video import pillow  # late: only frame folders in official conventions need it

    yield {}, pillow.read_picture(path, limits.pixels)


def _stream_frames(
    limits: Limits, path: Path, frames_per_second: float, short_side: int | None
) -> Answer:
    _check_size(limits, path, short_side)
    frames = decode.stream_frames(path, frames_per_second, short_side, limits.duration_seconds)
    for number, (seconds, frame) in enumerate(frames):
        if number == limits.frames:
            raise ValueError(_too_many_frames(limits, path))
        yield {"seconds": seconds}, frame


def _stream_pictures(
    limits: Limits, path: Path, start_seconds: float, end_seconds: float
) -> Answer:
    found = pictures.between(path, start_seconds, end_seconds)
    for number, picture in enumerate(found):
        if number == limits.frames:
            raise ValueError(_too_many_frames(limits, path))
        geometry = dataclasses.asdict(picture.geometry)
        about = {
            "seconds": str(picture.seconds),
            "geometry": {**geometry, "pixel_aspect": str(picture.geometry.pixel_aspect)},
            "colours": picture.colours,
        }
        yield about, picture.planes


def _live_frames(
    limits: Limits,
    path: Path,
    address: str,
    descriptor: int | None,
    frames_per_second: float,
    short_side: int | None,
    in_real_time: bool,
    timeout_seconds: float,
) -> Answer:
    try:
        place = parse_address(address)
        if descriptor is not None:
            place = dataclasses.replace(place, url=f"pipe:{descriptor}")
        frames = live.live_frames(
            place,
            frames_per_second,
            short_side,
            in_real_time=in_real_time,
            timeout_seconds=timeout_seconds,
        )
        for step, frame in frames:
            yield {"step": step}, frame
    except ConnectionLostError as lost:
        yield {"lost": str(lost)}, _NOTHING


OPERATIONS: dict[str, Callable[..., Answer]] = {
    "probe": _probe,
    "read_frames": _read_frames,
    "read_frames_at": _read_frames_at,
    "keyframes_near": _keyframes_near,
    "frames_between": _frames_between,
    "read_picture": _read_picture,
    "stream_frames": _stream_frames,
    "stream_pictures": _stream_pictures,
    "live_frames": _live_frames,
}


def main() -> None:
    """Answer until there is nobody to ask."""
    # What is sent to a group of processes is for the parent: this one ends with it.
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & signal.Signals.__members__.keys():
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    limits = Limits(**json.loads(sys.argv[1]))
    answers = _Answers(sys.stdout.buffer)
    logging.getLogger("actionclip").addHandler(answers)
    _restrict(limits)
    _widen(sys.stdout.fileno())
    answers.send("part")
    for question in _questions(sys.stdin.buffer):
        os.chdir(question.pop("folder"))
        operation = OPERATIONS[question.pop("operation")]
        path = Path(question.pop("path"))
        try:
            for about, frames in operation(limits, path, **question):
                answers.send("part", about, frames)
        except Exception as error:
            answers.send(*_explained(error, path))
        else:
            answers.send("end")


class _Answers(logging.Handler):
    """Writes the parts of answers, and what is logged meanwhile."""

    def __init__(self, output: BinaryIO) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def send(
        self,
        kind: str,
        about: dict[str, Any] | None = None,
        frames: UInt8[np.ndarray, ...] = _NOTHING,
    ) -> None:
        header = json.dumps({"kind": kind, "about": about or {}, "shape": frames.shape}).encode()
        try:
            self._output.write(struct.pack(">I", len(header)) + header)
            self._output.write(np.ascontiguousarray(frames).data)
            self._output.flush()
        except BrokenPipeError:
            os._exit(0)  # nobody listens any more

    def emit(self, record: logging.LogRecord) -> None:
        about = {"logger": record.name, "level": record.levelno, "message": record.getMessage()}
        self.send("log", about)


def _questions(lines: BinaryIO) -> Iterator[dict[str, Any]]:
    """Give what is asked, and end the process when no more can come, even in mid-answer."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        for line in lines:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield json.loads(waiting.get())


def _restrict(limits: Limits) -> None:
    source.limit_pixels(limits.pixels)
    if sys.platform == "linux":
        import resource

        for kind, most in (
            (resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
        ):
            _, hard = resource.getrlimit(kind)
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(kind, (most, most))


def _widen(pipe: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):  # the system may allow less
            fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _explained(error: Exception, path: Path) -> tuple[str, dict[str, Any]]:
    """Give the kind of an error and one line that names the file."""
    if isinstance(error, MemoryError):
        return "MemoryError", {}
    message = str(error)
    if type(error) in (ValueError, FileNotFoundError) and message.startswith(f"{path}: "):
        return type(error).__name__, {"message": message}
    words = " ".join(f"{type(error).__name__}: {message}".split())
    return "ValueError", {"message": f"{path}: cannot be decoded ({words}); convert or leave it"}


def _probed(limits: Limits, path: Path) -> decode.VideoInfo:
    info = decode.probe(path)
    decode.check_length(path, info.duration_seconds, limits.duration_seconds)
    return info


def _check_size(limits: Limits, path: Path, short_side: int | None) -> None:
    """Refuse a narrow picture whose long side would become too long, before it does."""
    start = timetable.opening(path)
    width, height = start.geometry.size_shown(short_side)
    if width * height > limits.pixels:
        raise ValueError(source.too_large(path, width, height, limits.pixels))


def _too_many_frames(limits: Limits, path: Path) -> str:
    return f"{path}: more than {limits.frames} frames, the limit; cut the video or ask for fewer"


if __name__ == "__main__":
    main()
