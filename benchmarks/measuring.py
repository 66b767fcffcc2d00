"""What every benchmark needs: times by part, a process with its time and memory, the machine.

Knows nothing of what is measured.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import platform
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

_SECONDS_BETWEEN_LOOKS = 0.1
READY = "ready"
"""A line that a worker prints when its model is loaded."""


class Parts:
    """Where the time goes."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextlib.contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Add the time that the block takes."""
        start = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - start


@dataclass(frozen=True)
class Outcome:
    """What a worker took and said."""

    startup_seconds: float
    """From its start to `READY`."""
    megabytes: float
    """The most that it and its children held at a time."""
    told: dict[str, Any]
    """The JSON document that it printed last."""


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> Outcome:
    """Run a script of this folder as a worker.

    Args:
        arguments: the script's name, and what it takes.
        environment: variables to set.
    """
    script = Path(__file__).with_name(arguments[0])
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, str(script), *arguments[1:]],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    ) as process:
        peak = _Peak(process.pid)
        assert process.stdout is not None
        first = process.stdout.readline().strip()
        startup = time.perf_counter() - start
        rest = process.stdout.read()
        peak.stop()
    if process.returncode != 0 or first != READY:
        raise RuntimeError(f"{' '.join(arguments)} failed: {first} {rest}")
    return Outcome(startup, peak.megabytes, json.loads(rest))


class _Peak:
    """Looks at the memory of a process and its children until it is told to stop."""

    def __init__(self, process_id: int) -> None:
        self.megabytes = 0.0
        self._process = psutil.Process(process_id)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._is_over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._is_over.wait(_SECONDS_BETWEEN_LOOKS):
            with contextlib.suppress(psutil.NoSuchProcess):
                family = [self._process, *self._process.children(recursive=True)]
                held = sum(process.memory_info().rss for process in family)
                self.megabytes = max(self.megabytes, held / 2**20)


def circumstances() -> str:
    """Say on what, when and with which version something is measured."""
    version = _printed_by("git", "describe", "--always") or "unknown"
    if _printed_by("git", "status", "--short", "src", "benchmarks"):
        version += " with changes"
    return (
        f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, commit {version}, {_processor()}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before"
    )


def _processor() -> str:
    """Name the processor and its instructions that count here, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    told = dict([part.strip() for part in line.split(":", 1)] for line in lines if ":" in line)
    flags = told.get("flags", "").split()
    widest = next((name for name in ("amx_tile", "avx512f", "avx2") if name in flags), "no AVX2")
    return f"{told.get('model name', platform.machine())} ({widest})"


def _printed_by(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
