"""Real clips and `lite`: what it names first, how sure it is, and what each part costs.

    python benchmarks/lite_clips.py ../shared [--fit]

The clips are those of the manifests of `videos` and `web-clips`. Prints for each set how often the
right label is the first, or among five, and the processor time of a clip; for falls how many are
named, false alarms and AUROC; then the calibration error, and how many clips can be answered at 90
and 95 % precision. `--fit` prints the temperature and the margin that fit best, a set counting as
much as another. Then one clip of ten seconds: with what is around its frames, and without.

Shapes:
    B: clips   N: labels   D: width of an embedding
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

from actionclip.core import scoring
from actionclip.evaluation import calibration as fitting
from actionclip.evaluation import metrics
from actionclip.recognizer import Recognizer

FALLING = "falling down"
SETS = ("web-clips", "videos/mixed", "videos/falls", "videos/weizmann")
LISTS = {"web-clips": "web-clips/labels-141.txt", "videos/mixed": "labels-mixed.txt"}
"""Of the other sets the labels are those of their clips."""
ROUNDS = 5


class Scored(NamedTuple):
    """One set."""

    labels: list[str]
    truth: Int[Tensor, " B"]
    logits: Float[Tensor, "B 1 N"]
    background: Float[Tensor, "B 1"]


def main() -> None:
    """Measure, and fit if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with Recognizer.load("lite") as recognizer:
        sets = {name: score(recognizer, arguments.shared, name) for name in SETS}
        shipped = recognizer.model.calibration
        print_sureness(list(sets.values()), shipped.temperature)
        if arguments.fit:
            temperature = fit_temperature(list(sets.values()))
            margin = fit_margin(list(sets.values()), shipped.temperature)
            print(f"fitted: temperature {temperature:.2f}; margin {margin} at the shipped one")
        print_cost(recognizer, min((arguments.shared / "videos/mixed").rglob("*.mp4")))


def score(recognizer: Recognizer, shared: Path, name: str) -> Scored:
    """Embed the clips of a set, and print how they are named."""
    top = name.split("/")[0]
    with (shared / top / "manifest.csv").open(encoding="utf-8") as file:
        listed = [(f"{top}/{row['path']}", row["label"]) for row in csv.DictReader(file)]
    clips = [each for each in listed if each[0].startswith(name) and each[1] != "other"]
    labels = sorted({label for _, label in clips})
    if name in LISTS:
        labels = (shared / LISTS[name]).read_text(encoding="utf-8").split("\n")
        labels = [label.strip() for label in labels if label.strip()]
    start = time.process_time()
    embeddings = torch.stack([recognizer.embed(shared / path) for path, _ in clips])
    seconds = (time.process_time() - start) / len(clips)
    scale = recognizer.model.scale
    background = recognizer.embed_labels(recognizer.model.calibration.background)
    found = Scored(
        labels,
        torch.tensor([labels.index(label) for _, label in clips]),
        scoring.logits(embeddings, recognizer.embed_labels(labels), scale),
        scoring.logits(embeddings, background, scale).mean(dim=-1),
    )
    first, five = (int(metrics.hits(found.logits[:, 0], found.truth, k).sum()) for k in (1, 5))
    print(
        f"{name}: {first} and {five} of {len(clips)} among {len(labels)} labels, "
        f"{seconds:.2f} s of this process a clip"
    )
    if name == "videos/falls":
        print_falls(found)
    return found


def print_falls(found: Scored) -> None:
    """Print how many falls are named, false alarms, and the area under the curve."""
    falling = found.labels.index(FALLING)
    fell = found.truth == falling
    named = found.logits[:, 0].argmax(dim=-1) == falling
    area = float(binary_auroc(found.logits[:, 0].softmax(dim=-1)[:, falling], fell.long()))
    print(
        f"  falls named {int((named & fell).sum())} of {int(fell.sum())}, false alarms "
        f"{int((named & ~fell).sum())} of {int((~fell).sum())}, AUROC {area:.3f}"
    )


def print_sureness(sets: list[Scored], shipped: float) -> None:
    """Print calibration error and coverage, with the shipped temperature and with none."""
    for temperature in (1.0, shipped):
        best = [(each.logits[:, 0] / temperature).softmax(dim=-1).max(dim=-1) for each in sets]
        sure = torch.cat([values for values, _ in best])
        right = torch.cat([i == each.truth for (_, i), each in zip(best, sets, strict=True)])
        order = sure.argsort(descending=True)
        precision = right[order].float().cumsum(0) / torch.arange(1, len(order) + 1)
        covered = [
            max((n + 1 for n in range(len(order)) if precision[n] >= least), default=0) / len(order)
            for least in (0.9, 0.95)
        ]
        error = metrics.expected_calibration_error(sure, right)
        wrong = int((~right & (sure > 0.8)).sum())
        print(
            f"temperature {temperature:.2f}: calibration error {error:.3f}, answered at 90 and "
            f"95 % precision {covered[0]:.2f} and {covered[1]:.2f}, wrong and above .8: {wrong} "
            f"of {len(sure)}"
        )


def fit_temperature(sets: list[Scored]) -> float:
    """Find the temperature that makes the right labels likeliest."""

    def surprise(temperature: float) -> float:
        return sum(
            float(
                -(each.logits[:, 0] / temperature)
                .log_softmax(dim=-1)
                .gather(1, each.truth[:, None])
                .mean()
            )
            for each in sets
        )

    return min(fitting.TEMPERATURES, key=surprise)


def fit_margin(sets: list[Scored], temperature: float) -> float:
    """Average the margins that fit each set."""
    margins = [
        fitting.fit_margin(each.logits, each.background, each.truth, temperature) for each in sets
    ]
    return sum(margins) / len(margins)


def print_cost(recognizer: Recognizer, video: Path) -> None:
    """Time one clip with what is around its frames, and its frames alone, by turns."""
    times: dict[str, list[float]] = {"all of it": [], "frames alone": []}
    for _ in range(ROUNDS):
        start = time.perf_counter()
        recognizer.embed(video)
        middle = time.perf_counter()
        recognizer.embed_frames(recognizer.read_frames(video))
        times["all of it"].append(middle - start)
        times["frames alone"].append(time.perf_counter() - middle)
    whole, alone = (min(values) for values in times.values())
    print(f"a clip, one thread: {whole:.2f} s, its frames alone {alone:.2f} s: {whole / alone:.1f}")


if __name__ == "__main__":
    main()
