"""Questions go to the decoding process, and its answers come back; one that is too slow is killed.

Both ends speak over pipes: a question is a line of JSON, each part of an answer is a line of JSON
and the bytes of its frames. What comes is checked: a process that a file has taken over may say
anything. The other end is `decoding_process`. Knows nothing of files or frames but their size.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import math
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

_MODULE = "actionclip.video.decoding_process"
_START_SECONDS = 60.0
"""A new process may take this long until it is ready, on a machine that is busy."""
_LONGEST_LINE = 2**16


class Part(NamedTuple):
    """One part of an answer."""

    about: dict[str, Any]
    frames: UInt8[np.ndarray, ...]
    """Empty where the answer has none."""


class EndedError(Exception):
    """The process is no more, or speaks no sense; the message says why and what to do."""


class ChildProcess:
    """One decoding process. It ends when this object does, or this process, however that ends."""

    def __init__(self, limits: dict[str, Any], inherited: Sequence[int] = ()) -> None:
        """Start it, and do not wait until it is ready.

        Args:
            limits: the fields of `Limits`.
            inherited: open files that it may read, by the same numbers.
        """
        home = str(Path(__file__).parents[2])  # where this package lies
        self._limits = limits
        self._process = subprocess.Popen(
            # -P: a file in the working folder is not to be taken for a module
            [sys.executable, "-P", "-m", _MODULE, json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=inherited,
            stderr=subprocess.DEVNULL,  # FFmpeg and its libraries speak there
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(filter(None, [home, os.environ.get("PYTHONPATH")])),
                "OPENBLAS_NUM_THREADS": "1",  # each thread takes address space,
                "MALLOC_ARENA_MAX": "2",  # and so does each arena
            },
        )
        assert self._process.stdin
        assert isinstance(self._process.stdout, io.BufferedReader)
        self._questions, self._answers = self._process.stdin, self._process.stdout
        self._end = weakref.finalize(self, _end, self._process)
        self._why_killed: str | None = None
        self._is_ready = False
        self.is_idle = True
        """The last answer has come to its end."""

    @property
    def is_running(self) -> bool:
        """It may be asked."""
        return self._end.alive and self._process.poll() is None

    def end(self, why: str) -> None:
        """Kill it; who still waits for its answer is told why."""
        self._why_killed = self._why_killed or why
        self._end()

    def ask(self, operation: str, path: str, arguments: dict[str, Any]) -> Iterator[Part]:
        """Give the parts of an answer as they come.

        Raises:
            EndedError: the process was too slow, took too much memory or crashed.
            FileNotFoundError: it says so.
            ValueError: it says so.
        """
        self.is_idle = False
        if not self._is_ready:
            self._receive(_START_SECONDS)
            self._is_ready = True
        question = {"operation": operation, "folder": str(Path.cwd()), "path": path, **arguments}
        self._send(json.dumps(question).encode() + b"\n")
        while True:
            kind, part = self._receive(self._limits["seconds_per_frame"])
            if kind == "part":
                yield part
                continue
            if kind == "MemoryError":
                gibibytes = self._limits["memory_bytes"] / 2**30
                raise EndedError(
                    f"decoding it takes more than {gibibytes:.3g} GiB of memory, the limit; "
                    "convert it to smaller pictures"
                )
            self.is_idle = True
            if kind == "ValueError":
                raise ValueError(part.about["message"])
            if kind == "FileNotFoundError":
                raise FileNotFoundError(part.about["message"])
            return

    def _send(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # why it ended is told when it is to answer
            self._questions.write(line)
            self._questions.flush()

    def _receive(self, seconds: float) -> tuple[str, Part]:
        """Read until the next part, of some kind, and pass on what was logged before it."""
        if not self._end.alive:
            raise EndedError(self._why_killed)
        timer = threading.Timer(seconds, self._kill_for_slowness, [seconds])
        timer.daemon = True
        timer.start()
        try:
            while True:
                header = self._read_header()
                if header["kind"] != "log":
                    return header["kind"], Part(header["about"], self._read(header["shape"]))
                logger = logging.getLogger(header["about"]["logger"])
                logger.log(header["about"]["level"], "%s", header["about"]["message"])
        except (LookupError, TypeError, ValueError, MemoryError) as error:
            raise EndedError("decoding it went astray; the file is hostile, leave it") from error
        finally:
            timer.cancel()

    def _kill_for_slowness(self, seconds: float) -> None:
        self._why_killed = (
            f"no frame came within {seconds:g} seconds, the limit; "
            "convert the video to H.264, or allow more seconds per frame"
        )
        self._process.kill()

    def _read_header(self) -> dict[str, Any]:
        line = self._answers.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise EndedError(self._why_ended())
        return json.loads(line)

    def _read(self, shape: list[int]) -> UInt8[np.ndarray, ...]:
        if math.prod(shape[-3:-1]) > self._limits["pixels"]:
            raise ValueError(f"frames of {shape} were announced")
        frames = np.empty(shape, np.uint8)
        if frames.size and self._answers.readinto(frames.data.cast("B")) < frames.size:
            raise EndedError(self._why_ended())
        return frames

    def _why_ended(self) -> str:
        status = self._process.wait()
        if self._why_killed:
            return self._why_killed
        how = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        return f"decoding it crashed ({how}); the file is damaged or hostile, convert or leave it"


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin
    assert process.stdout
    process.kill()
    process.wait()
    process.stdout.close()
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
