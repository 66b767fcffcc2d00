"""Loads a model to be evaluated, with what its checkpoint says about its training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actionclip.cli import terminal
from actionclip.evaluation import scoring, selection
from actionclip.evaluation.evaluate import EvaluatedModel
from actionclip.evaluation.selection import Selection
from actionclip.model.config import Task
from actionclip.recognizer import Recognizer
from actionclip.training import data as training_data
from actionclip.training import recipe as recipes
from actionclip.training.recipe import Recipe


def subject(
    model: str,
    recipe: Recipe | None = None,
    *,
    templates: Sequence[str] | None = None,
    trained_on: Sequence[str] | None = None,
    device: str | None = None,
    precision: str = "auto",
) -> EvaluatedModel:
    """Load a model to be evaluated.

    Args:
        model: a name or path.
        recipe: its templates come before those of the checkpoint.
        templates: come before those of the recipe.
        trained_on: the labels of its training, in their order; by default the checkpoint's.
        device: as in `Recognizer.load`.
        precision: as in `Recognizer.load`.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it is a classifier, and its labels are unknown.
    """
    recognizer = Recognizer.load(model, device=device, precision=precision)
    loaded = recognizer.model
    if loaded.task == Task():
        loaded.task = _task_of_run(Path(model), needs_labels=trained_on is None)
    learnt = tuple(trained_on) if trained_on is not None else loaded.task.labels
    classifier = None
    if loaded.classifier is not None:
        if not learnt:
            raise ValueError(
                f"{model}: is a classifier; name the labels that it was trained on, in their order,"
                " by --trained-on FILE"
            )
        classifier = scoring.classifier_scorer(loaded.classifier, learnt)
    if templates is None:
        templates = recipe.templates if recipe else recognizer.templates
    chosen = selection.read(model)
    if chosen is None and (Path(model).parent / "recipe.toml").is_file():
        terminal.note(
            f"{model}: does not say which clips selected it; if these did, it looks better"
        )
    return EvaluatedModel(
        recognizer, model, tuple(templates), learnt, classifier, chosen or Selection()
    )


def _task_of_run(checkpoint: Path, *, needs_labels: bool) -> Task:
    """Read what an old checkpoint does not store from its run's recipe and data."""
    path = checkpoint.parent / "recipe.toml"
    if not (checkpoint.is_dir() and path.is_file()):
        return Task()
    recipe = recipes.read(path)
    labels: tuple[str, ...] = ()
    if needs_labels:
        data = recipe.data.path
        try:
            labels = training_data.read_annotations(recipe.data).labels
        except (FileNotFoundError, ValueError):
            terminal.note(
                f"the data that the model was trained on cannot be read ({data}), so its labels are"
                " unknown; name them by --trained-on FILE"
            )
    return recipe.task(labels)
