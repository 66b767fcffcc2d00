"""A trial: a recipe is trained, and the weights of the last epoch are measured on the test clips.

A trial that was measured before is read from its folder, one that was stopped is resumed.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from actionclip import atomic_write
from actionclip.evaluation import evaluate, scoring, selection
from actionclip.evaluation import report as reports
from actionclip.evaluation.evaluate import Conditions, EvaluatedModel
from actionclip.evaluation.report import Report
from actionclip.evaluation.selection import Selection
from actionclip.recognizer import Recognizer
from actionclip.training import data, fit
from actionclip.training import recipe as recipes
from actionclip.training.recipe import Recipe

REPORT = "report.json"


def run(
    recipe: Recipe, folder: Path, *, device: str | None = None, keep_weights: bool = False
) -> Report:
    """Train and measure, or read the report of an earlier call.

    The last epoch is measured, so that nothing is chosen by its results. Raises as `fit.fit`.

    Args:
        recipe: of the trial.
        folder: of the run and its report.
        device: cpu or cuda.
        keep_weights: leave the checkpoints there too.
    """
    path = folder / REPORT
    if path.is_file() and recipes.read(folder / "recipe.toml") == recipe:
        return reports.from_json(path.read_text(encoding="utf-8"), str(path))
    text = recipes.write(recipe) + "\n"
    fit.fit(text, folder, where=str(folder), resume=True, device=device)
    report = measure(recipe, folder / "last", device)
    atomic_write.write(path, report.to_json().encode())
    if not keep_weights:
        for name in ("best", "last"):
            shutil.rmtree(folder / name)
    return report


def measure(
    recipe: Recipe, model: str | Path, device: str | None = None, *, is_start: bool = False
) -> Report:
    """Measure a model on the test clips of a recipe's data.

    Args:
        recipe: of the trial.
        model: a checkpoint or a name.
        device: cpu or cuda.
        is_start: measure it on the same clips as after training, but with its own templates.
    """
    chosen = recipe.data
    path = Path(chosen.path)
    videos = Path(chosen.videos) if chosen.videos else None
    annotations = evaluate.read(
        path, videos, data.label_file(chosen), whole_videos=chosen.whole_videos
    )
    recognizer = Recognizer.load(model, device=device)
    labels, classifier = recognizer.model.task.labels, recognizer.model.classifier
    evaluated = EvaluatedModel(
        recognizer,
        str(model),
        tuple(recognizer.templates if is_start else recipe.templates),
        labels,
        scoring.classifier_scorer(classifier, labels) if classifier is not None else None,
        selection.read(model) or Selection(),
    )
    conditions = Conditions(
        protocol="closed-set" if is_start else None,
        sampling=chosen.sampling,
        seed=recipe.computing.seed,
        conventions=recipe.conventions,
    )
    return evaluate.run(
        evaluated, annotations, path, conditions, num_workers=chosen.num_workers
    ).report


def change(recipe: Recipe, **sections: dict[str, Any]) -> Recipe:
    """Return the recipe with other keys in some of its sections."""
    document = recipe.model_dump(exclude_unset=True)
    for section, keys in sections.items():
        document[section] = {**document.get(section, {}), **keys}
    return Recipe.model_validate(document)
