"""Requests go to a limited process and its responses come back; over its limits it is killed.

Both ends talk over pipes: a request is a line of JSON; each part of a response is the length of a
JSON header, the header, and the bytes of an array. All input is checked, because a process that a
file has taken over may send anything. The other end is `worker`.

A limit in wall-clock time would refuse on a busy machine what it allows on an idle one, so limits
count the processor time of the process, and separately the time in which it makes no progress.
"""

from __future__ import annotations

import contextlib
import json
import logging
import math
import os
import select
import signal
import struct
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8

_MODULE = "actionclip.video.worker"
_START_SECONDS = 60.0
"""Limit of the processor time, and of the time without progress, until a new process is ready."""
_POLL_SECONDS = 0.1
_MAX_STEP_SECONDS = 1.0
"""Longer steps between two checks are no stall: this process was stopped itself, or starved."""
_MAX_HEADER_BYTES = 2**16
_WRITABLE_BYTES = 512
"""POSIX lets a pipe that is ready take this much at once (PIPE_BUF) without blocking."""
_END_SECONDS = 5.0
"""A killed process is waited for this long; one that hangs in the kernel ends when it can."""
_CRASHES = ("SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSEGV", "SIGSYS", "SIGTRAP")

_running: weakref.WeakSet[ChildProcess] = weakref.WeakSet()  # those that this process started


class Part(NamedTuple):
    """One part of a response."""

    about: Any
    """JSON."""
    array: UInt8[np.ndarray, ...]
    """Empty where the part has none."""


class EndedError(Exception):
    """The process has ended, or sent something invalid; the message says why and what to do."""


class ConnectionLostError(Exception):
    """A camera or a server sends nothing more, or nothing usable; the message says why."""


_ERRORS = {error.__name__: error for error in (ConnectionLostError, FileNotFoundError, ValueError)}
"""Of the file or the address; after them the process is sound."""


class ChildProcess:
    """A limited process. It ends with this object and with this process, however that ends.

    In a process that is forked from this one the object is ended, the limited process runs on.
    """

    def __init__(self, limits: dict[str, Any], inherited: Sequence[int] = ()) -> None:
        """Start the process without waiting until it is ready.

        Args:
            limits: the fields of `Limits`.
            inherited: file descriptors that it may read, with the same numbers.
        """
        source_root = str(Path(__file__).parents[2])
        search_path = filter(None, [source_root, os.environ.get("PYTHONPATH")])
        self._limits = limits
        self._process = subprocess.Popen(
            # -P: a file in the working folder must not be imported as a module
            [sys.executable, "-P", "-m", _MODULE, json.dumps(limits)],
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=inherited,
            stderr=subprocess.DEVNULL,  # FFmpeg and its libraries write there
            env={
                **os.environ,
                "PYTHONPATH": os.pathsep.join(search_path),
                "OPENBLAS_NUM_THREADS": "1",  # each thread takes address space,
                "MALLOC_ARENA_MAX": "2",  # and so does each arena
            },
        )
        assert isinstance(self._process.stdin, FileIO)
        assert isinstance(self._process.stdout, FileIO)
        self._requests, self._responses = self._process.stdin, self._process.stdout
        self._reading = threading.Lock()
        self._end = weakref.finalize(self, _end, self._process, self._reading)
        self._why_killed: str | None = None
        self._is_ready = False
        self.is_idle = True
        """The last response is complete."""
        _running.add(self)

    @property
    def is_running(self) -> bool:
        """It takes requests."""
        return self._end.alive and self._process.poll() is None

    def end(self, why: str) -> None:
        """Kill it; a thread that waits for its response gets an `EndedError` that says why."""
        self._why_killed = self._why_killed or why
        self._end()

    def request(self, operation: str, path: str, arguments: dict[str, Any]) -> Iterator[Part]:
        """Yield the parts of a response as they arrive.

        Raises:
            EndedError: the process exceeded a limit, crashed or was ended.
            FileNotFoundError: there is no such file.
            ValueError: the process refused the file.
            ConnectionLostError: a camera or a server sends nothing more.
        """
        self.is_idle = False
        if not self._is_ready:
            self._receive(_Stopwatch(self._process.pid, _START_SECONDS, _START_SECONDS))
            self._is_ready = True
        request = {"operation": operation, "folder": str(Path.cwd()), "path": path, **arguments}
        self._send(json.dumps(request).encode() + b"\n")
        while True:
            kind, part = self._receive(self._stopwatch())
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
            if error := _ERRORS.get(kind):
                raise error(part.about)
            return

    def _send(self, line: bytes) -> None:
        stopwatch = self._stopwatch()
        with self._reading, contextlib.suppress(BrokenPipeError):  # `_receive` says why it ended
            for start in range(0, len(line), _WRITABLE_BYTES):
                self._wait(self._requests, select.POLLOUT, stopwatch)
                self._requests.write(line[start : start + _WRITABLE_BYTES])

    def _receive(self, stopwatch: _Stopwatch) -> tuple[str, Part]:
        """Read until the next part, of any kind, and pass on what was logged before it."""
        try:
            with self._reading:
                while True:
                    header = self._read_header(stopwatch)
                    if header["kind"] != "log":
                        part = Part(header["about"], self._read_array(header["shape"], stopwatch))
                        return header["kind"], part
                    logger = logging.getLogger(header["about"]["logger"])
                    logger.log(header["about"]["level"], "%s", header["about"]["message"])
        except (LookupError, TypeError, ValueError, MemoryError) as error:
            raise EndedError(
                "the decoding process sent an invalid response; the file may be hostile, "
                "do not use it"
            ) from error

    def _stopwatch(self) -> _Stopwatch:
        limits = self._limits
        return _Stopwatch(self._process.pid, limits["cpu_seconds"], limits["stall_seconds"])

    def _wait(self, pipe: FileIO, event: int, stopwatch: _Stopwatch) -> None:
        """Wait until a pipe is ready, or has ended.

        Raises:
            EndedError: the process exceeded a limit meanwhile and was killed, or was ended.
        """
        if not self._end.alive:
            raise EndedError(self._why_killed)
        poll = select.poll()
        poll.register(pipe, event)
        while not poll.poll(1000 * _POLL_SECONDS):
            if not self._why_killed and (why := stopwatch.exceeded()):
                self._why_killed = why
                self._process.kill()
            if self._why_killed:  # not when the pipe ends: what hangs in the kernel keeps it open
                raise EndedError(self._why_killed)

    def _read_header(self, stopwatch: _Stopwatch) -> dict[str, Any]:
        length_bytes = bytearray(4)
        self._fill(length_bytes, stopwatch)
        [length] = struct.unpack(">I", length_bytes)
        if length > _MAX_HEADER_BYTES:
            raise ValueError(f"a header of {length} bytes was announced")
        header = bytearray(length)
        self._fill(header, stopwatch)
        return json.loads(header)

    def _read_array(self, shape: list[int], stopwatch: _Stopwatch) -> UInt8[np.ndarray, ...]:
        if math.prod(shape[-3:]) > 3 * self._limits["pixels"]:
            raise ValueError(f"frames of {shape} were announced")
        frames = np.empty(shape, np.uint8)
        if frames.size:
            self._fill(frames.data.cast("B"), stopwatch)
        return frames

    def _fill(self, buffer: bytearray | memoryview, stopwatch: _Stopwatch) -> None:
        rest = memoryview(buffer)
        while rest:
            self._wait(self._responses, select.POLLIN, stopwatch)
            num_bytes = self._responses.readinto(rest)
            if not num_bytes:
                raise EndedError(self._why_ended())
            rest = rest[num_bytes:]

    def _why_ended(self) -> str:
        status = self._process.wait()
        if self._why_killed:
            return self._why_killed
        name = signal.Signals(-status).name if status < 0 else f"exit status {status}"
        if status > 0 or name in _CRASHES:
            return f"decoding it crashed ({name}); the file is damaged or hostile, convert it"
        if name == "SIGKILL":
            return (
                "the decoding process was killed (SIGKILL), perhaps because the machine ran out of "
                "memory; free memory and try again"
            )
        return f"the decoding process was ended from outside ({name}); try again"


class _Stopwatch:
    """Measures a process from the first check on; checks are a fraction of a second apart.

    Processor time is that of all its threads together; a stall is time in which it uses none.
    """

    def __init__(self, pid: int, max_cpu_seconds: float, max_stall_seconds: float) -> None:
        self._pid = pid
        self._max_cpu_seconds = max_cpu_seconds
        self._max_stall_seconds = max_stall_seconds
        self._cpu_at_start: float | None = None
        self._last_cpu = 0.0
        self._last_check = 0.0
        self._stalled_seconds = 0.0

    def exceeded(self) -> str | None:
        """Return which limit is exceeded and what to do, if one is."""
        now = time.monotonic()
        cpu = _cpu_seconds(self._pid)
        if cpu is None:  # unknown on this system: all time counts
            cpu = self._last_cpu + min(now - (self._last_check or now), _MAX_STEP_SECONDS)
        if self._cpu_at_start is None:
            self._cpu_at_start = self._last_cpu = cpu
        elif cpu > self._last_cpu:
            self._stalled_seconds = 0.0
        else:
            self._stalled_seconds += min(now - self._last_check, _MAX_STEP_SECONDS)
        self._last_cpu, self._last_check = cpu, now
        if cpu - self._cpu_at_start > self._max_cpu_seconds:
            return (
                f"no frame came within {self._max_cpu_seconds:g} seconds of processor time, the "
                "limit; convert the video to H.264, or allow more"
            )
        if self._stalled_seconds > self._max_stall_seconds:
            return (
                f"reading it has made no progress for {self._max_stall_seconds:g} seconds, the "
                "limit; copy the file to a local disk"
            )
        return None


def _cpu_seconds(pid: int) -> float | None:
    """Return the processor time that a process has used, None where that is unknown."""
    try:
        if sys.platform == "linux":
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        command = ["ps", "-o", "cputime=", "-p", str(pid)]
        output = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        days, _, clock = output.stdout.strip().rpartition("-")  # [days-][hours:]minutes:seconds
        units = zip(reversed(clock.split(":")), (1, 60, 3600), strict=False)
        return 86_400 * int(days or 0) + sum(unit * float(number) for number, unit in units)
    except (OSError, ValueError, LookupError, subprocess.SubprocessError):
        return None


def _end(process: subprocess.Popen[bytes], reading: threading.Lock) -> None:
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)
    with reading:  # a thread that reads meanwhile comes to the end of the pipe first
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        process.stdout.close()


def _leave_to_parent() -> None:
    """In a forked process: close the copies of the pipes, which would keep the processes alive."""
    for child in list(_running):
        if child._end.detach():
            child._requests.close()
            child._responses.close()
            child._process.returncode = 0  # it is no child of this process
            child._why_killed = "this process was forked while it was read"
    _running.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
