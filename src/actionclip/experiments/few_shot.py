"""The few-shot protocol: K clips of each label to learn from, all test clips to be tested on.

K = 0 is the model as it is. Each draw of clips is a training of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actionclip.evaluation import evaluate as evaluation
from actionclip.evaluation import protocols, selection
from actionclip.evaluation.evaluate import Conditions, EvaluatedModel
from actionclip.evaluation.selection import Selection
from actionclip.experiments import trial
from actionclip.experiments.shots import Point
from actionclip.recognizer import Recognizer
from actionclip.training import prepare
from actionclip.training.recipe import Recipe

KIND = "top-1"


def run(
    recipe: Recipe,
    num_draws: int,
    folder: Path,
    *,
    device: str | None = None,
    on_trial: Callable[[int, int], None] = lambda done, total: None,
) -> list[Point]:
    """Train all draws, or look up those that were.

    Args:
        recipe: of a run on all clips.
        num_draws: of clips, for each K that every label has clips for.
        folder: of the experiment.
        device: cpu or cuda.
        on_trial: told how many trials are done, and of how many.

    Raises:
        FileNotFoundError: there is no such data or model.
        ValueError: something is wrong with data or model; a label has no clip to train on.
    """
    annotations = prepare.read_annotations(recipe.data)
    numbers = protocols.possible_shots(annotations)
    total = 1 + len(numbers) * num_draws
    on_trial(0, total)
    recognizer = Recognizer.load(recipe.model.start, device=device)
    asis = EvaluatedModel(
        recognizer,
        recipe.model.start,
        tuple(recognizer.templates),
        selection=selection.read(recipe.model.start) or Selection(),
    )
    conditions = Conditions(protocol="closed-set", sampling=recipe.data.sampling)
    report = evaluation.run(
        asis, annotations, Path(recipe.data.path), conditions, num_workers=recipe.data.num_workers
    ).report
    points = [Point(KIND, 0, 0, report.metrics["top1"].value, report.selection)]
    on_trial(len(points), total)
    for number in numbers:
        for draw in range(num_draws):
            few = trial.changed(recipe, seed=draw, shots=number, num_labels=len(annotations.labels))
            found = trial.run(few, folder / f"{number}-shot" / f"draw-{draw}", device=device)
            top1 = found.metrics["top1"].value
            points.append(Point(KIND, number, draw, top1, found.selection))
            on_trial(len(points), total)
    return points
