"""Time that a process spends computing, told apart from time that it spends waiting.

A limit in seconds of a clock on the wall refuses on a busy machine what it takes on an idle one, so
limits count the processor time of a process, and separately the time in which it makes no progress.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

_LONGEST_STEP = 1.0
"""Longer steps between two checks are no stall: this process was stopped itself, or starved."""


class Stopwatch:
    """Watches another process from now on."""

    def __init__(self, pid: int, cpu_seconds: float, stall_seconds: float) -> None:
        """Set the limits.

        Args:
            pid: of the process.
            cpu_seconds: processor time that it may use, in all its threads together.
            stall_seconds: time in which it may use none.
        """
        self._pid = pid
        self._cpu_seconds = cpu_seconds
        self._stall_seconds = stall_seconds
        self._cpu_at_start: float | None = None
        self._last_cpu = 0.0
        self._last_check = 0.0
        self._stalled_seconds = 0.0

    def exceeded(self) -> str | None:
        """Return which limit is exceeded and what to do; to be called every fraction of a second.

        The time until the first call counts for neither limit.
        """
        now = time.monotonic()
        cpu = cpu_seconds(self._pid)
        if cpu is None:  # this system does not tell: all time counts
            cpu = self._last_cpu + min(now - (self._last_check or now), _LONGEST_STEP)
        if self._cpu_at_start is None:
            self._cpu_at_start = self._last_cpu = cpu
        elif cpu > self._last_cpu:
            self._stalled_seconds = 0.0
        else:
            self._stalled_seconds += min(now - self._last_check, _LONGEST_STEP)
        self._last_cpu, self._last_check = cpu, now
        if cpu - self._cpu_at_start > self._cpu_seconds:
            return (
                f"no frame came within {self._cpu_seconds:g} seconds of processor time, the limit; "
                "convert the video to H.264, or allow more"
            )
        if self._stalled_seconds > self._stall_seconds:
            return (
                f"reading it has made no progress for {self._stall_seconds:g} seconds, the limit; "
                "copy the file to a local disk"
            )
        return None


def cpu_seconds(pid: int) -> float | None:
    """Return the processor time that a process has used since it started, in all its threads.

    None where the process is gone, or the system does not tell.
    """
    try:
        if sys.platform == "linux":
            fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        command = ["ps", "-o", "cputime=", "-p", str(pid)]
        told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
        return _parse(told.stdout.strip())
    except (OSError, ValueError, LookupError, subprocess.SubprocessError):
        return None


def _parse(time_used: str) -> float:
    """Parse what ps prints: [days-][hours:]minutes:seconds."""
    days, _, clock = time_used.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = 60 * seconds + float(part)
    return 86_400 * int(days or 0) + seconds
