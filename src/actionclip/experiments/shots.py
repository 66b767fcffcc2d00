"""Figure 3 of the paper: what a few clips of new labels are worth, with words and without.

Both models first learn the one half of the labels. Then they are shown K clips of each label of the
other half, and tested on that half. With words, K = 0 is a question like any other; a classifier
has to guess.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.data.annotations import Annotations
from actionclip.data.formats import table
from actionclip.evaluation import protocols
from actionclip.experiments import trial
from actionclip.training import prepare
from actionclip.training.recipe import Recipe

KINDS = {"multimodal": "contrastive", "unimodal": "classifier"}


@dataclass(frozen=True)
class Point:
    """A trial of the figure."""

    kind: str
    """One of `KINDS`."""
    shots: int
    """K; 0: nothing of these labels was shown."""
    seed: int
    """Of the drawn clips, and of the training."""
    top1: float
    selection: str = ""
    """What the tested clips chose of the model, such as "calibrated on test"."""


def halves(annotations: Annotations) -> tuple[Annotations, Annotations]:
    """Split a data set by its labels: every other one is new, so that pairs are torn apart."""

    def those(labels: Sequence[str]) -> Annotations:
        chosen = set(labels)
        examples = (e for e in annotations.examples if chosen >= {*e.labels})
        return dataclasses.replace(
            annotations.with_examples(examples), labels=tuple(labels), split_drawn=False
        )

    return those(annotations.labels[::2]), those(annotations.labels[1::2])


def run(
    recipe: Recipe,
    num_seeds: int,
    folder: Path,
    *,
    device: str | None = None,
    on_trial: Callable[[int, int], None] = lambda done, total: None,
) -> list[Point]:
    """Train all trials of the figure, or look up those that were.

    Args:
        recipe: of a run on all labels.
        num_seeds: how often each number of clips is drawn.
        folder: of the experiment.
        device: cpu or cuda.
        on_trial: told how many trials are done, and of how many.

    Raises:
        FileNotFoundError: there is no such data or model.
        ValueError: something is wrong with data or model, or a label has too few clips.
    """
    annotations = prepare.read_annotations(recipe.data)
    if annotations.is_multi_label or len(annotations.labels) < 4:
        raise ValueError(
            f"{recipe.data.path}: {len(annotations.labels)} labels; few-shot curves need four or "
            "more, and clips with one label each"
        )
    base, novel = halves(annotations)
    shots = protocols.possible_shots(novel)
    folder.mkdir(parents=True, exist_ok=True)
    root = Path(os.path.commonpath([e.video.resolve().parent for e in annotations.examples]))
    table.write(base, folder / "base.csv", root)
    table.write(novel, folder / "novel.csv", root)
    recipe = recipe.model_copy(
        update={"data": recipe.data.model_copy(update={"videos": str(root), "labels": None})}
    )
    points: list[Point] = []
    total = len(KINDS) * (1 + num_seeds * (1 + len(shots)))
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_trial(done, total)

    on_trial(done, total)
    for kind, loss in KINDS.items():
        on_base = trial.changed(recipe, seed=0, data=folder / "base.csv", loss=loss)
        trial.run(on_base, folder / kind / "base", device=device, keep_weights=True)
        count()
        start = folder / kind / "base/last"
        on_novel = trial.changed(
            recipe, seed=0, start=str(start), data=folder / "novel.csv", loss=loss
        )
        for seed in range(num_seeds):
            if kind == "multimodal":
                report = trial.measure(on_novel, start, device)
                points.append(Point(kind, 0, seed, report.metrics["top1"].value, report.selection))
            else:
                points.append(Point(kind, 0, seed, 1 / len(novel.labels)))
            count()
            for number in shots:
                few = trial.changed(on_novel, seed=seed, shots=number, num_labels=len(novel.labels))
                place = folder / kind / f"{number}-shot" / f"seed-{seed}"
                report = trial.run(few, place, device=device)
                top1 = report.metrics["top1"].value
                points.append(Point(kind, number, seed, top1, report.selection))
                count()
    return points
