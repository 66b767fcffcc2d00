"""An archive as it grows: how long the nearest windows take, how many of them are found, and costs.

    python benchmarks/archive_scale.py FOLDER [--windows 10000 100000 1000000] [--kind clustered]

Windows are vectors of 512 numbers made by chance, seed 0: "random" ones have nothing in common,
which real ones never do; "clustered" ones lie around scenes, fifty windows each, as those of videos
do. Each size is an archive of its own in FOLDER, written, indexed and searched by the project's own
code, and removed. Prints a row of JSON for each: seconds to write and to index, megabytes,
milliseconds of a search in this warm process (median and 95th percentile of 200) and of an exact
one, recall of the nearest ten against exact search, and the largest memory of the process.

Shapes:
    B: windows   D: width, 512
"""

from __future__ import annotations

import argparse
import json
import resource
import shutil
import time
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.archive import tables, upkeep
from actionclip.archive.tables import Tables
from actionclip.archive.windows import Window

WIDTH = 512
WINDOWS_PER_VIDEO = 20_000
WINDOWS_PER_SCENE = 50
NOISE = 0.03
"""Standard deviation of a number around its scene's; those have .044."""
NUM_SEARCHES = 200
NUM_EXACT = 20


def main() -> None:
    """Measure each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--windows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--kind", choices=("clustered", "random"), default="clustered")
    arguments = parser.parse_args()
    for num_windows in arguments.windows:
        folder = arguments.folder / f"{arguments.kind}-{num_windows}"
        print(json.dumps(measure(folder, num_windows, arguments.kind)), flush=True)
        shutil.rmtree(folder)


def measure(folder: Path, num_windows: int, kind: str) -> dict[str, object]:
    """Write, index and search one archive."""
    archive = tables.create(str(folder), {"model": kind, "made_by": {}}, WIDTH, 1)
    chance = np.random.default_rng(0)
    scenes = make(num_windows // WINDOWS_PER_SCENE, chance)
    start = time.perf_counter()
    for first in range(0, num_windows, WINDOWS_PER_VIDEO):
        number = min(WINDOWS_PER_VIDEO, num_windows - first)
        vectors = make(number, chance)
        if kind == "clustered":
            of_scene = scenes[chance.integers(0, len(scenes), number)]
            vectors = F.normalize(of_scene + NOISE * WIDTH**0.5 * vectors, dim=1)
        windows = [Window(row, row + 8, vector) for row, vector in enumerate(vectors)]
        archive.add_windows(f"video{first}", windows, 4.0)
    written = time.perf_counter()
    upkeep.compact(archive)
    indexed = time.perf_counter()
    queries = [
        F.normalize(s + NOISE * v * WIDTH**0.5, dim=0)
        for s, v in zip(scenes, make(len(scenes), chance), strict=True)
    ]
    milliseconds = time_searches(archive, queries[:NUM_SEARCHES], exact=False)
    exact = time_searches(archive, queries[:NUM_EXACT], exact=True)
    return {
        "kind": kind,
        "windows": num_windows,
        "write_seconds": round(written - start, 1),
        "index_seconds": round(indexed - written, 1),
        "megabytes": round(upkeep.num_bytes(archive) / 1e6),
        "p50_ms": round(float(np.percentile(milliseconds, 50)), 1),
        "p95_ms": round(float(np.percentile(milliseconds, 95)), 1),
        "exact_p50_ms": round(float(np.percentile(exact, 50)), 1),
        "recall_at_10": round(recall(archive, queries[:NUM_EXACT]), 3),
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1000,
    }


def make(number: int, chance: np.random.Generator) -> Float[Tensor, "B D"]:
    """Make vectors of length one in directions by chance."""
    return F.normalize(torch.from_numpy(chance.standard_normal((number, WIDTH), np.float32)), dim=1)


def time_searches(archive: Tables, queries: list[Tensor], *, exact: bool) -> list[float]:
    """Return the milliseconds of each search, after one that does not count."""
    archive.nearest(queries[0], 64, exact=exact)
    found = []
    for query in queries:
        start = time.perf_counter()
        archive.nearest(query, 64, exact=exact)
        found.append(1000 * (time.perf_counter() - start))
    return found


def recall(archive: Tables, queries: list[Tensor]) -> float:
    """Return how many of the ten windows that are nearest a search finds."""
    shares = []
    for query in queries:
        found, exact = (archive.nearest(query, 10, exact=each) for each in (False, True))
        places = {(near.video, near.start_seconds) for near in found}
        shares.append(np.mean([(near.video, near.start_seconds) in places for near in exact]))
    return float(np.mean(shares))


if __name__ == "__main__":
    main()
