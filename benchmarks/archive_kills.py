"""Indexing that is killed again and again leaves what an undisturbed run leaves.

    python benchmarks/archive_kills.py VIDEOS FOLDER [--kills 20] [--seed 0]

Runs `actionclip index VIDEOS` into FOLDER/whole, then into FOLDER/killed, which is killed (SIGKILL
to all its processes) at moments by chance, one run after another, until so many kills are done;
then it may end. Prints how far each run came, and whether all rows of both archives are equal:
files, windows with their vectors, frames with their features.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from actionclip.archive import tables
from actionclip.archive.tables import Tables


def main() -> None:
    """Index twice, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("videos", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    whole, killed = arguments.folder / "whole", arguments.folder / "killed"
    seconds, loading = (time_run(arguments.videos, whole) for _ in range(2))
    print(f"undisturbed: {seconds:.0f} s, of them {loading:.0f} s before indexing, {count(whole)}")
    longest = 2 * (seconds - loading) / arguments.kills  # so that the kills are all along the way
    chance = random.Random(arguments.seed)
    for number in range(1, arguments.kills + 1):
        process = run(arguments.videos, killed)
        after = loading + chance.uniform(0, longest)
        try:
            process.wait(after)
            print(f"{number}: ended by itself, {count(killed)}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            print(f"{number}: killed after {after:.1f} s, {count(killed)}", flush=True)
    run(arguments.videos, killed).wait()
    is_same = rows(opened(whole)) == rows(opened(killed))
    print(f"at the end: {count(killed)}; all rows equal: {is_same}")
    if not is_same:
        raise SystemExit(1)


def time_run(videos: Path, archive: Path) -> float:
    """Return how many seconds a run takes."""
    start = time.perf_counter()
    run(videos, archive).wait()
    return time.perf_counter() - start


def run(videos: Path, archive: Path) -> subprocess.Popen[bytes]:
    """Start to index, in a group of processes of its own."""
    command = [sys.executable, "-m", "actionclip.cli", "index", str(videos)]
    return subprocess.Popen(
        [*command, "--archive", str(archive)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def opened(archive: Path) -> Tables:
    """Open an archive that is there."""
    found = tables.open_tables(str(archive))
    assert found is not None, f"{archive}: nothing was indexed"
    return found


def count(archive: Path) -> str:
    """Return how much is in an archive."""
    if not archive.exists() or (found := tables.open_tables(str(archive))) is None:
        return "nothing yet"
    num_rows = found.windows.count_rows(), found.frames.count_rows()
    return f"{len(found.files())} files, {num_rows[0]} windows, {num_rows[1]} frames"


def rows(archive: Tables) -> list[tuple[object, ...]]:
    """Return everything, in an order of its own."""
    windows, frames = archive.windows.to_arrow().to_pylist(), archive.frames.to_arrow().to_pylist()
    return [
        *((file.path, file.video, file.seconds, file.state) for file in archive.files()),
        *sorted((row["video"], row["start"], row["end"], *row["vector"]) for row in windows),
        *sorted((row["video"], row["step"], *row["features"]) for row in frames),
    ]


if __name__ == "__main__":
    main()
