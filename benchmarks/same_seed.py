"""Whether two source trees train to the same bytes: same stick figures, recipe and seed.

    python benchmarks/same_seed.py BEFORE/src src [--clips-per-action 12] [--epochs 12]

`lite` and its `motion` head, as in recipes/stick-figures-lite.toml. Prints the hash of the weights
and the last row of the metrics of each tree; the exit status is 1 if they differ.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

RECIPE = """
[model]
start = "lite"
temporal_head = "motion"
[data]
path = "sticks"
augmentation = "none"
cached_views = 1
[prompts]
templates = "bare"
[optim]
epochs = {epochs}
warmup_epochs = 3
batch_size = 64
lr = 1e-4
head_lr_ratio = 10
weight_decay = 0.05
[weights]
freeze = ["encoder.vision_tower", "encoder.text_tower"]
ema_decay = 0.99
"""


def run(tree: Path, folder: Path, *arguments: str) -> None:
    """Run the program of a source tree in a folder."""
    environment = {
        "PYTHONPATH": str(tree.resolve()),
        "OMP_NUM_THREADS": "1",
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    subprocess.run(
        [sys.executable, "-m", "actionclip.cli", *arguments],
        cwd=folder,
        env=os.environ | environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def result(run_folder: Path) -> list[str]:
    """Return the hashes of both checkpoints' weights and all metrics, and the last metrics."""
    files = ("best/model.safetensors", "last/model.safetensors", "metrics.csv")
    hashes = [hashlib.sha256((run_folder / file).read_bytes()).hexdigest() for file in files]
    return [*hashes, (run_folder / "metrics.csv").read_text().splitlines()[-1]]


def main() -> None:
    """Train with both trees and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trees", type=Path, nargs=2, metavar="TREE")
    parser.add_argument("--clips-per-action", type=int, default=12)
    parser.add_argument("--epochs", type=int, default=12)
    arguments = parser.parse_args()
    results = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        number = str(arguments.clips_per_action)
        make = ("data", "make", "stick-figures", "sticks", "--clips-per-action", number)
        run(arguments.trees[0], folder, *make)
        (folder / "recipe.toml").write_text(RECIPE.format(epochs=arguments.epochs))
        for place, tree in zip(("before", "after"), arguments.trees, strict=True):
            run(tree, folder, "train", "recipe.toml", "--output", place, "--device", "cpu")
            results.append(result(folder / place))
            print(tree, *results[-1], sep="\n  ")
    print("the same" if results[0] == results[1] else "different")
    sys.exit(results[0] != results[1])


if __name__ == "__main__":
    main()
