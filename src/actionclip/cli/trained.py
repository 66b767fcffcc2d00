"""A model's name becomes the subject of an evaluation, with what its training tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from actionclip.cli import terminal
from actionclip.evaluation.evaluate import Subject
from actionclip.evaluation.scoring import CLASSIFIER, ByClassifier
from actionclip.recognizer import Recognizer
from actionclip.training import prepare
from actionclip.training import recipe as recipes
from actionclip.training.recipe import Recipe


def recipe_of(model: str) -> Recipe | None:
    """Find the recipe of the run that left a checkpoint; None for other models."""
    kept = Path(model).parent / "recipe.toml"
    return recipes.read(kept) if Path(model).is_dir() and kept.is_file() else None


def subject(
    model: str,
    recipe: Recipe | None,
    *,
    templates: Sequence[str] | None = None,
    trained_on: Sequence[str] | None = None,
    device: str | None = None,
) -> Subject:
    """Load a model to be evaluated.

    Args:
        model: a name or path.
        recipe: by which it was trained, if one is known.
        templates: by default those of the recipe, or else the model's own.
        trained_on: the labels that it was trained on, in their order; by default the recipe's.
        device: cpu or cuda; a GPU if there is one.

    Raises:
        FileNotFoundError: there is no such model.
        ValueError: it is a classifier, and nobody knows of which labels.
    """
    learnt = tuple(trained_on) if trained_on is not None else _labels_of(recipe)
    recognizer = Recognizer.load(model, device=device)
    classifier = None
    if (Path(model) / CLASSIFIER).is_file():
        if not learnt:
            raise ValueError(
                f"{model}: is a classifier; name the labels that it was trained on, in their order,"
                " by --trained-on FILE"
            )
        classifier = ByClassifier(Path(model), learnt)
    if templates is None:
        templates = prepare.templates_of(recipe) if recipe else recognizer.templates
    return Subject(recognizer, model, tuple(templates), learnt, classifier)


def _labels_of(recipe: Recipe | None) -> tuple[str, ...]:
    """Read the labels of what a recipe trains on, if that is still there."""
    if recipe is None:
        return ()
    data = recipe.data.path
    try:
        return prepare.read_annotations(recipe.data).labels
    except FileNotFoundError:
        terminal.note(
            f"the data that the model was trained on is not here ({data}), so its labels are"
            " unknown; name them by --trained-on FILE"
        )
        return ()
