"""The limited process: requests on standard input become frames on standard output.

Started by `child_process`, never by hand; the limits are its argument. It ends with its parent. It
imports no torch, writes no file and prints nothing.
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

from actionclip.video import container, decode, live, pictures
from actionclip.video.connection import Address, ConnectionLostError
from actionclip.video.decode import Limits, VideoInfo
from actionclip.video.pictures import Picture

_PIPE_BYTES = 2**20  # a few scaled frames: they are decoded while the ones before are used
_EMPTY = np.empty(0, np.uint8)

OPERATIONS: dict[str, Callable[..., Any]] = {
    "probe": decode.probe,
    "read_frames": decode.read_frames,
    "read_frames_at": decode.read_frames_at,
    "read_frames_around": decode.read_frames_around,
    "keyframes_near": decode.keyframes_near,
    "frames_between": decode.frames_between,
    "stream_frames": decode.stream_frames,
    "stream_pictures": lambda path, limits, **part: pictures.between(path, **part),
    "read_picture": lambda path, limits: pictures.read_picture(path, limits.pixels),
    "live_frames": lambda path, limits, address, **how: live.live_frames(Address(**address), **how),
}
"""Called with the path and the limits; what they return, or each item of it, is a part."""


def main() -> None:
    """Answer requests until the parent closes the pipe."""
    # Signals to a group of processes are for the parent: this process ends with it.
    for name in {"SIGINT", "SIGTERM", "SIGHUP"} & signal.Signals.__members__.keys():
        signal.signal(signal.Signals[name], signal.SIG_IGN)
    limits = Limits(**json.loads(sys.argv[1]))
    responses = _Responses(sys.stdout.buffer)
    logging.getLogger("actionclip").addHandler(responses)
    _restrict(limits)
    responses.send("part")
    for request in _requests(sys.stdin.buffer):
        os.chdir(request.pop("folder"))
        operation = OPERATIONS[request.pop("operation")]
        path = Path(request.pop("path"))
        try:
            result = operation(path, limits=limits, **request)
            parts = result if isinstance(result, Iterator) else [result]
            for number, part in enumerate(parts, start=1):
                decode.check_count(path, number, limits)
                responses.send("part", *_packed(part))
        except Exception as error:
            responses.send(*_described(error, path))
        else:
            responses.send("end")


class _Responses(logging.Handler):
    """Writes the parts of responses, and what is logged meanwhile."""

    def __init__(self, output: BinaryIO) -> None:
        super().__init__(logging.WARNING)
        self._output = output

    def send(self, kind: str, about: object = None, array: UInt8[np.ndarray, ...] = _EMPTY) -> None:
        values = {"kind": kind, "about": about, "shape": array.shape}
        header = json.dumps(values, default=str).encode()  # fractions and paths as text
        try:
            self._output.write(struct.pack(">I", len(header)) + header)
            self._output.write(np.ascontiguousarray(array).data)
            self._output.flush()
        except BrokenPipeError:
            os._exit(0)  # the parent has ended

    def emit(self, record: logging.LogRecord) -> None:
        about = {"logger": record.name, "level": record.levelno, "message": record.getMessage()}
        self.send("log", about)


def _requests(lines: BinaryIO) -> Iterator[dict[str, Any]]:
    """Yield requests, and end the process when no more can come, even during a response."""
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def listen() -> None:
        for line in lines:
            waiting.put(line)
        os._exit(0)

    threading.Thread(target=listen, daemon=True).start()
    while True:
        yield json.loads(waiting.get())


def _restrict(limits: Limits) -> None:
    """Apply the limits that this process sets itself, and widen its output pipe."""
    container.limit_pixels(limits.pixels)
    if sys.platform == "linux":
        import fcntl
        import resource

        for kind, value in (
            (resource.RLIMIT_AS, limits.memory_bytes),
            (resource.RLIMIT_CORE, 0),
            (resource.RLIMIT_FSIZE, 0),
        ):
            _, hard = resource.getrlimit(kind)
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(kind, (value, value))
        with contextlib.suppress(OSError):  # the system may allow less
            fcntl.fcntl(sys.stdout.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


def _packed(part: object) -> tuple[object, UInt8[np.ndarray, ...]]:
    """Split a part of a result into JSON and an array."""
    match part:
        case np.ndarray():
            return None, part
        case (np.ndarray() as indices, np.ndarray() as seconds):
            return None, np.concatenate([indices.view(np.uint8), seconds.view(np.uint8)])
        case (int() | float() | list() as about, np.ndarray() as frames):
            return about, frames
        case range():
            return [part.start, part.stop], _EMPTY
        case Picture():
            return dataclasses.asdict(dataclasses.replace(part, planes=_EMPTY[None])), part.planes
    assert isinstance(part, VideoInfo)
    return dataclasses.asdict(part), _EMPTY


def _described(error: Exception, path: Path) -> tuple[str, object]:
    """Return the kind of an error, and one line that names the file."""
    message = str(error)
    if isinstance(error, MemoryError):
        return "MemoryError", message
    if isinstance(error, ConnectionLostError):
        return "ConnectionLostError", message
    if type(error) in (ValueError, FileNotFoundError) and message.startswith(f"{path}: "):
        return type(error).__name__, message
    line = " ".join(f"{type(error).__name__}: {message}".split())
    return "ValueError", f"{path}: cannot be decoded ({line}); convert or leave it"


if __name__ == "__main__":
    main()
