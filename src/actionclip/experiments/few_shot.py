"""Few-shot: K clips of each label to train on, and all test clips to test on, for several K.

Each draw of clips is a training of its own. With K = 0 a model that compares clips with texts
answers as it is; a classifier has to guess.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.data.annotations import Annotations
from actionclip.data.formats import table
from actionclip.evaluation import protocols
from actionclip.evaluation.report import Report
from actionclip.experiments import trial
from actionclip.training import data
from actionclip.training.recipe import Recipe

KINDS = {"multimodal": "contrastive", "unimodal": "classifier"}

OnTrial = Callable[[int, int], object]
"""Called with the number of trials that are done, and of all."""


@dataclass(frozen=True)
class Point:
    """A trial of a curve."""

    kind: str
    shots: int
    seed: int
    """Of the drawn clips, and of the training."""
    top1: float
    selection: str = ""
    """What the tested clips selected of the model, such as "calibrated on test"."""


def every_label(
    recipe: Recipe, num_seeds: int, folder: Path, *, device: str | None, on_trial: OnTrial
) -> list[Point]:
    """Train on a few clips of each label of the data.

    Args:
        recipe: of a run on all clips.
        num_seeds: draws for each K that every label has clips for.
        folder: of the trials.
        device: cpu or cuda.
        on_trial: called after every trial.
    """
    annotations = data.read_annotations(recipe.data)
    shots = protocols.possible_shots(annotations)
    total = 1 + len(shots) * num_seeds
    on_trial(0, total)
    report = trial.measure(recipe, recipe.model.start, device, is_start=True)
    points = [_point("top-1", 0, 0, report)]
    on_trial(1, total)
    for number, seed in itertools.product(shots, range(num_seeds)):
        few = _few(recipe, number, seed, len(annotations.labels))
        report = trial.run(few, folder / f"{number}-shot" / f"draw-{seed}", device=device)
        points.append(_point("top-1", number, seed, report))
        on_trial(len(points), total)
    return points


def new_labels(
    recipe: Recipe, num_seeds: int, folder: Path, *, device: str | None, on_trial: OnTrial
) -> list[Point]:
    """Train on half of the labels, then on a few clips of each of the others: the paper's figure 3.

    Once with texts and once as a classifier; the clips of the other half are tested. Arguments are
    as in `every_label`.
    """
    annotations = data.read_annotations(recipe.data)
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
    videos = recipe.data.model_copy(update={"videos": str(root), "labels": None})
    recipe = recipe.model_copy(update={"data": videos})
    points: list[Point] = []
    total = len(KINDS) * (1 + num_seeds * (1 + len(shots)))
    done = itertools.count()
    on_trial(next(done), total)
    for kind, loss in KINDS.items():
        on_base = trial.change(
            recipe,
            computing={"seed": 0},
            data={"path": str(folder / "base.csv")},
            loss={"kind": loss},
        )
        trial.run(on_base, folder / kind / "base", device=device, keep_weights=True)
        on_trial(next(done), total)
        start = folder / kind / "base/last"
        on_novel = trial.change(
            on_base, model={"start": str(start)}, data={"path": str(folder / "novel.csv")}
        )
        for seed in range(num_seeds):
            if kind == "multimodal":
                report = trial.measure(on_novel, start, device)
                points.append(_point(kind, 0, seed, report))
            else:
                points.append(Point(kind, 0, seed, 1 / len(novel.labels)))
            on_trial(next(done), total)
            for number in shots:
                few = _few(on_novel, number, seed, len(novel.labels))
                trial_folder = folder / kind / f"{number}-shot" / f"seed-{seed}"
                report = trial.run(few, trial_folder, device=device)
                points.append(_point(kind, number, seed, report))
                on_trial(next(done), total)
    return points


def halves(annotations: Annotations) -> tuple[Annotations, Annotations]:
    """Split a data set by its labels: every other one is new, so that pairs are separated."""

    def having(labels: Sequence[str]) -> Annotations:
        examples = (e for e in annotations.examples if {*labels} >= {*e.labels})
        return dataclasses.replace(
            annotations.with_examples(examples), labels=tuple(labels), split_drawn=False
        )

    return having(annotations.labels[::2]), having(annotations.labels[1::2])


def _few(recipe: Recipe, shots: int, seed: int, num_labels: int) -> Recipe:
    """Train on few clips, in batches no larger than all of them."""
    batch_size = min(shots * num_labels, recipe.optim.batch_size)
    return trial.change(
        recipe,
        computing={"seed": seed},
        data={"shots": shots},
        optim={"batch_size": batch_size},
    )


def _point(kind: str, shots: int, seed: int, report: Report) -> Point:
    return Point(kind, shots, seed, report.metrics["top1"].value, report.selection)
