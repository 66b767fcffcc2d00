"""Two versions of the package, side by side: the same commands, their results, time and memory.

    python benchmarks/two_versions.py OTHER/src [--clips 200] [--minutes 10] [--rounds 3]

Both versions run every command by turns, in processes of their own, each with a cache folder of its
own that is emptied before a cold case. Results (`--json`, losses, weights) must be equal byte for
byte; time and processor time are the ratio of medians, this version over the other; memory is the
largest resident set of a process.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import clips

import timeline

THIS = Path(__file__).parents[1] / "src"
LABELS = ["riding a bicycle", "cooking", "playing the guitar", "digging a hole", "swimming"]
RECIPE = """
[model]
start = "lite"
temporal_head = "motion"
[data]
path = "{data}"
[prompts]
templates = "bare"
[optim]
epochs = {epochs}
warmup_epochs = 0
batch_size = 16
"""
FROM_FEATURES = """
[weights]
freeze = ["encoder.vision_tower", "encoder.text_tower"]
"""
"""Nothing changes before the head, so features of the first epoch are cached."""


@dataclass(frozen=True)
class Case:
    """A command of the program, which both versions run."""

    name: str
    arguments: list[str]
    is_cold: bool
    """Whether the cache is emptied before."""


@dataclass(frozen=True)
class Measurement:
    """One run of a command."""

    seconds: float
    processor_seconds: float
    megabytes: float
    digest: str
    """Of everything that it printed, and of the weights that it left."""


def run(source: Path, case: Case, folder: Path) -> Measurement:
    """Run a command with the package in `source`; cache and output lie in `folder`."""
    output = folder / "run"
    shutil.rmtree(output, ignore_errors=True)
    if case.is_cold:
        shutil.rmtree(folder / "cache", ignore_errors=True)
    environment = {
        **os.environ,
        "PYTHONPATH": str(source),
        "XDG_CACHE_HOME": str(folder / "cache"),
        "OMP_NUM_THREADS": "1" if case.arguments[0] == "train" else "2",
    }
    arguments = [word.format(output=output) for word in case.arguments]
    printed = folder / "printed"
    start = time.perf_counter()
    with printed.open("wb") as stdout, (folder / "log").open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "actionclip.cli", *arguments],
            stdout=stdout, stderr=stderr, env=environment, cwd=folder,
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    if status != 0:
        raise RuntimeError(f"{source}: {' '.join(arguments)}: {(folder / 'log').read_text()}")
    digest = hashlib.sha256()
    weights = output / "best" / "model.safetensors"
    digest.update(weights.read_bytes() if weights.exists() else printed.read_bytes())
    return Measurement(
        seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, digest.hexdigest()
    )


def cases(folder: Path, num_clips: int, minutes: float) -> list[Case]:
    """Make the videos, and return the commands."""
    videos, film, figures = folder / "clips", folder / "film.mp4", folder / "figures"
    clips.folder(videos, 256, 10, num_clips)
    if not film.exists():
        timeline.make_video(film, 60 * minutes, 340, 256)
    if not figures.exists():
        subprocess.run(
            [
                sys.executable,
                "-m",
                "actionclip.cli",
                "data",
                "make",
                "stick-figures",
                str(figures),
                "--clips-per-action",
                "12",
            ],
            check=True,
            env={**os.environ, "PYTHONPATH": str(THIS)},
        )
    recipes = {"tower": (1, ""), "cold": (1, FROM_FEATURES), "cached": (40, FROM_FEATURES)}
    for name, (epochs, frozen) in recipes.items():
        recipe = RECIPE.format(data=figures, epochs=epochs)
        recipe = (
            recipe.replace("[prompts]", 'augmentation = "none"\n[prompts]') if frozen else recipe
        )
        (folder / f"{name}.toml").write_text(recipe + frozen)
    find = ["timeline", str(film), *LABELS, "--json"]
    train = ["train", "--output", "{output}"]
    return [
        Case("recognize", ["recognize", f"{videos}/", *LABELS, "--json"], is_cold=True),
        Case("timeline, cold", find, is_cold=True),
        Case("timeline, cached", find, is_cold=False),
        Case("training, one epoch", [*train, str(folder / "tower.toml")], is_cold=True),
        Case("training, features", [*train, str(folder / "cold.toml")], is_cold=True),
        Case("training, 40 epochs, cached", [*train, str(folder / "cached.toml")], is_cold=False),
    ]


def main() -> None:
    """Run each case by turns and print a table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("other", type=Path)
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="cases whose name has this in it")
    parser.add_argument("--videos", type=Path, help="where the videos are kept, or will be")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.videos or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        versions = {"other": options.other.resolve(), "this": THIS}
        for name in versions:
            Path(temporary, name).mkdir()
        print("| case | seconds | ratio | processor | ratio | MB | ratio | same result |")
        print("|---|---|---|---|---|---|---|---|")
        chosen = cases(folder, options.clips, options.minutes)
        for case in (case for case in chosen if options.only in case.name):
            runs: dict[str, list[Measurement]] = {name: [] for name in versions}
            for number in range(options.rounds):
                for name in sorted(versions, reverse=number % 2 == 1):
                    runs[name].append(run(versions[name], case, Path(temporary, name)))
            print(_row(case, runs["this"], runs["other"]), flush=True)


def _row(case: Case, this: list[Measurement], other: list[Measurement]) -> str:
    cells = [case.name]
    for name in ("seconds", "processor_seconds", "megabytes"):
        ours, theirs = (
            statistics.median(getattr(one, name) for one in runs) for runs in (this, other)
        )
        cells += [f"{ours:.3g}", f"{ours / theirs:.3f}"]
    is_same = {one.digest for one in this} == {one.digest for one in other}
    return f"| {' | '.join([*cells, 'yes' if is_same else 'NO'])} |"


if __name__ == "__main__":
    main()
