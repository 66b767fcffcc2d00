"""How long a person waits for a fresh process: for `--help`, and for the first answer of `lite`.

    make demo && .venv/bin/python benchmarks/startup.py

Prints the median, the fastest and the processor's time of each, over several runs.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

PROGRAM = Path(sys.executable).with_name("actionclip")
CASES = {
    "python alone": [sys.executable, "-c", "pass"],
    "import torch": [sys.executable, "-c", "import torch"],
    "import the recognizer": [sys.executable, "-c", "import actionclip.recognizer"],
    "load lite": [sys.executable, "-c", "from actionclip import Recognizer; Recognizer.load()"],
    "actionclip --help": [str(PROGRAM), "--help"],
    "first answer": [str(PROGRAM), "recognize", "bikes.mp4", "driving a taxi", "swimming"],
}


def seconds(command: list[str]) -> tuple[float, float]:
    """Run a command in a fresh process; give the time on the clock and that of the processors."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    clock = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    rounds = [
        {name: seconds(command) for name, command in CASES.items()} for _ in range(arguments.rounds)
    ]
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    print("| | median s | fastest s | processor s |\n|---|---|---|---|")
    for name in CASES:
        clock, processor = zip(*(taken[name] for taken in rounds), strict=True)
        print(
            f"| {name} | {statistics.median(clock):.2f} | {min(clock):.2f}"
            f" | {statistics.median(processor):.2f} |"
        )


if __name__ == "__main__":
    main()
