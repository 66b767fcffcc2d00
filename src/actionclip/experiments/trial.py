"""A trial: a recipe is trained, what came out is measured on clips it never saw, and that is kept.

A trial that was measured before is looked up, one that was stopped goes on. Weights are thrown away
after they were measured, unless somebody starts from them.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from actionclip import atomic_write
from actionclip.evaluation import evaluate, scoring, selection
from actionclip.evaluation import report as reports
from actionclip.evaluation.evaluate import Conditions, EvaluatedModel
from actionclip.evaluation.report import Report
from actionclip.evaluation.selection import Selection
from actionclip.recognizer import Recognizer
from actionclip.training import fit, prepare
from actionclip.training import recipe as recipes
from actionclip.training.recipe import Recipe
from actionclip.training.train import Progress

Watch = Callable[[Progress], object]
REPORT = "report.json"


def run(
    recipe: Recipe,
    folder: Path,
    *,
    device: str | None = None,
    keep_weights: bool = False,
    watch: Watch = lambda progress: None,
) -> Report:
    """Train and measure, or look up what was measured.

    The weights of the last epoch are measured, so that nothing is chosen by looking at results.

    Args:
        recipe: of the trial; its seed is the trial's.
        folder: of the run; the report stays there.
        device: cpu or cuda.
        keep_weights: leave the checkpoints there too.
        watch: told after every step how far training is.

    Raises:
        FileNotFoundError: there is no such data or model.
        ValueError: the recipe does not go with data or model, or the folder holds another run.
        Stopped: by Ctrl-C, after saving.
    """
    text = recipes.write(recipe) + "\n"
    measured = folder / REPORT
    if measured.is_file() and (folder / "recipe.toml").read_text(encoding="utf-8") == text:
        return reports.from_json(measured.read_text(encoding="utf-8"), str(measured))
    fit.fit(text, folder, where=str(folder), resume=True, device=device, on_step=watch)
    report = measure(recipe, folder / "last", device)
    atomic_write.write(measured, report.to_json().encode())
    if not keep_weights:
        for name in ("best", "last"):
            shutil.rmtree(folder / name)
    return report


def measure(recipe: Recipe, checkpoint: Path, device: str | None = None) -> Report:
    """Measure a checkpoint on the clips that its data keeps for testing.

    Args:
        recipe: says data and templates.
        checkpoint: a folder.
        device: cpu or cuda.
    """
    chosen = recipe.data
    data = Path(chosen.path)
    videos = Path(chosen.videos) if chosen.videos else None
    annotations = evaluate.read(
        data, videos, prepare.labels_of(chosen), whole_videos=chosen.whole_videos
    )
    recognizer = Recognizer.load(checkpoint, device=device)
    labels, classifier = recognizer.model.task.labels, recognizer.model.classifier
    subject = EvaluatedModel(
        recognizer,
        str(checkpoint),
        tuple(prepare.templates_of(recipe)),
        labels,
        scoring.classifier_scorer(classifier, labels) if classifier is not None else None,
        selection.read(checkpoint) or Selection(),
    )
    conditions = Conditions(
        sampling=chosen.sampling, seed=recipe.computing.seed, conventions=recipe.conventions
    )
    workers = chosen.num_workers
    return evaluate.run(subject, annotations, data, conditions, num_workers=workers).report


def changed(
    recipe: Recipe,
    *,
    seed: int,
    start: str | None = None,
    data: Path | None = None,
    loss: str | None = None,
    shots: int | None = None,
    num_labels: int = 0,
) -> Recipe:
    """Give a recipe with other keys; what is not said stays.

    Args:
        recipe: to begin with.
        seed: of the trial.
        start: what it starts from.
        data: what it is trained on.
        loss: its kind.
        shots: clips of each label; batches are made no larger than all of them together.
        num_labels: of the data; only with `shots`.
    """
    document = recipe.model_dump(exclude_unset=True)
    said = {
        ("computing", "seed"): seed,
        ("model", "start"): start,
        ("data", "path"): None if data is None else str(data),
        ("loss", "kind"): loss,
        ("data", "shots"): shots,
    }
    if shots is not None:
        said["optim", "batch_size"] = min(shots * num_labels, recipe.optim.batch_size)
    for (section, key), value in said.items():
        if value is not None:
            document.setdefault(section, {})[key] = value
    return Recipe.model_validate(document)
