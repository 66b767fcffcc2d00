"""The clips of a recipe: which are trained on, which select the checkpoint, and a recipe for them.

A score on the clips that selected the checkpoint is too high. So where data has no val split, a
part of train is held out, never a part of a group or of a video; only where train is too small for
that, test selects, and every number on it says so.
"""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import random
from dataclasses import dataclass
from pathlib import Path

from actionclip.conventions import Like
from actionclip.data import problems, reading, splits
from actionclip.data.annotations import Annotations
from actionclip.text import label_sets
from actionclip.text.label_files import LabelFile
from actionclip.training.recipe import Computing, Data, Model, Optim, Prompts, Recipe, Weights

MIN_HELD_OUT = 10
"""Fewer held-out clips cannot tell one epoch from another."""
HELD_OUT_SHARE = 0.1
"""Of the clips of train."""
_HELD_OUT_SEED = 0
"""The same part for every seed of a run, as for splits that are drawn."""
MIN_CLIPS_FOR_TOWERS = 2000
"""With fewer, trained towers overfit; without a GPU it takes days."""
_STEPS_OF_A_HEAD, _MAX_EPOCHS = 1500, 200

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Parts:
    """The clips of a run."""

    train: Annotations
    held_out: Annotations
    """They select the checkpoint, and its calibration is fitted on them."""
    source: str
    """Of the held-out clips: "val", "a held-out part of train" or "test"."""

    @property
    def fingerprint(self) -> str:
        """A hash of all clips and labels."""
        examples = (*self.train.examples, *self.held_out.examples)
        clips = [dataclasses.astuple(example) for example in examples]
        return hashlib.sha256(repr((self.train.labels, clips)).encode()).hexdigest()[:16]

    def warn(self, data: str) -> None:
        """Log a warning unless the data set `data` has a val split."""
        if self.source == "test":
            _logger.warning(
                "%s: has no val split, and train is too small to hold a part of it out; the "
                "checkpoint is selected on test, so that its numbers there are too high: put clips "
                "into val",
                data,
            )
        elif self.source != "val":
            select, train = len(self.held_out.examples), len(self.train.examples)
            text = (
                "%s: has no val split; %d clips of train select the checkpoint, %d are trained on"
            )
            _logger.warning(text, data, select, train)


def read(recipe: Recipe, num_processes: int = 1) -> Parts:
    """Read the clips to train on, and those that select the checkpoint.

    Raises:
        FileNotFoundError: the data does not exist.
        ValueError: it cannot be trained on, or does not fit the recipe.
    """
    chosen, batch_size = recipe.data, recipe.optim.batch_size
    parts = divide(read_trainable(chosen), batch_size, chosen.shots, recipe.computing.seed)
    check_batch_size(recipe, parts.train)
    if batch_size % num_processes:
        raise ValueError(
            f"optim.batch_size: {batch_size} cannot be divided among {num_processes} processes; "
            "choose a multiple"
        )
    return parts


def read_annotations(chosen: Data) -> Annotations:
    """Read all examples of a recipe's data; raises as `reading.read`."""
    videos = Path(chosen.videos) if chosen.videos else None
    return reading.read(Path(chosen.path), videos, label_file(chosen))


def read_trainable(chosen: Data) -> Annotations:
    """Read all examples; ValueError also if they cannot be trained on."""
    annotations = read_annotations(chosen)
    if chosen.whole_videos:
        annotations = annotations.whole_videos()
    if reasons := [
        f"{chosen.path}: {reason}" for reason in problems.unmet_requirements(annotations)
    ]:
        raise problems.ProblemsError(reasons)
    return annotations


def read_zero_shot(recipe: Recipe) -> Annotations | None:
    """Read the test (or val) clips of `weights.zero_shot_data`; None if the recipe has none."""
    path = recipe.weights.zero_shot_data
    if path is None:
        return None
    annotations = reading.read(Path(path))
    if not annotations.splits.keys() & {"test", "val"}:
        raise ValueError(
            f"{path}: weights.zero_shot_data is tested on, but none of its clips is in test or val;"
            " put some there, or remove the key"
        )
    return annotations.of_split("test" if "test" in annotations.splits else "val")


def label_file(chosen: Data) -> LabelFile | None:
    """Read the label file of a recipe's data; None if it has none."""
    return label_sets.find_file(chosen.labels) if chosen.labels else None


def check_batch_size(recipe: Recipe, train: Annotations) -> None:
    """Raise ValueError if there are fewer clips than a batch has."""
    batch_size, num_clips = recipe.optim.batch_size, len(train.examples)
    if batch_size > num_clips:
        raise ValueError(
            f"optim.batch_size: {batch_size} is larger than the {num_clips} clips of the split "
            f"train in {recipe.data.path}; lower it"
        )


def divide(annotations: Annotations, min_train: int, shots: int | None, seed: int) -> Parts:
    """Divide the clips of a data set into those to train on and those to select on.

    Args:
        annotations: all splits.
        min_train: clips that have to remain in train.
        shots: clips of each label to train on, or None for all; the clips to select on are others.
        seed: of the draw of the shots.

    Raises:
        ValueError: no clip is left to select on.
    """
    chosen = annotations if shots is None else splits.few_shot(annotations, shots, seed)
    train = chosen.of_split("train")
    train = train.with_examples(example for example in train.examples if example.labels)
    if "val" in annotations.splits:
        return Parts(train, annotations.of_split("val"), "val")
    if shots is None:
        drawn = train.with_examples(splits.draw(train.examples, _HELD_OUT_SEED, HELD_OUT_SHARE))
        rest, held_out = (
            drawn.with_examples(example for example in drawn.examples if example.split == split)
            for split in ("train", "val")
        )
    else:
        rest, held_out = train, _unused(annotations, train, shots, seed)
    labels, held_out_labels = (
        {label for example in some.examples for label in example.labels}
        for some in (train, held_out)
    )
    is_enough = (
        len(held_out.examples) >= MIN_HELD_OUT
        and 2 * len(held_out_labels) >= len(labels)
        and len(rest.examples) >= min_train
    )
    if is_enough or ("test" not in annotations.splits and held_out.examples):
        return Parts(rest, held_out, "a held-out part of train")
    if "test" in annotations.splits:
        return Parts(train, annotations.of_split("test"), "test")
    raise ValueError(
        f"no clip to select a checkpoint on: val and test are empty, and train has only "
        f"{len(train.examples)} clips; put some of other groups or videos into val"
    )


def _unused(annotations: Annotations, train: Annotations, shots: int, seed: int) -> Annotations:
    """Draw `shots` other clips of each label, from groups and videos that are not trained on."""
    used = {splits.group_of(example) for example in train.examples}
    others = [
        example
        for example in annotations.of_split("train").examples
        if example.labels and splits.group_of(example) not in used
    ]
    random.Random(seed).shuffle(others)
    return annotations.with_examples(others[index] for index in splits.take_shots(others, shots))


def suggest(chosen: Data, model: str, *, has_gpu: bool, like: Like = "default") -> Recipe:
    """Choose a recipe by the size of the data, for a model to start from and the hardware.

    Args:
        chosen: the data.
        model: as `model.start` of recipes.
        has_gpu: whether training runs on one.
        like: official: with the values of the official code, whatever the size of the data.
    """
    num_clips = len(read_trainable(chosen).of_split("train").examples)
    if like == "official":
        return Recipe(
            like=like,
            model=Model(start=model, temporal_head="transformer"),
            data=chosen,
            optim=Optim(batch_size=max(2, min(128, num_clips))),
        )
    prompts = Prompts(templates="bare" if model == "lite" else "paper")
    if has_gpu and model != "lite" and num_clips >= MIN_CLIPS_FOR_TOWERS:
        return Recipe(
            model=Model(start=model, temporal_head="transformer"),
            data=chosen.model_copy(update={"num_workers": 8}),
            prompts=prompts,
            optim=Optim(epochs=30, warmup_epochs=3, batch_size=128, micro_batch_size=32),
            weights=Weights(ema_decay=0.999),
        )
    batch_size = max(2, min(64, num_clips // 4))
    epochs = min(_MAX_EPOCHS, max(10, _STEPS_OF_A_HEAD // max(1, num_clips // batch_size)))
    return Recipe(
        model=Model(start=model, temporal_head="motion"),
        data=chosen.model_copy(update={"augmentation": "none", "cached_views": 4}),
        prompts=prompts,
        optim=Optim(
            epochs=epochs,
            warmup_epochs=epochs / 20,
            batch_size=batch_size,
            lr=1e-4,
            head_lr_ratio=10,
            weight_decay=0.05,
        ),
        weights=Weights(freeze=["encoder.vision_tower", "encoder.text_tower"], ema_decay=0.99),
        computing=Computing(precision="auto"),
    )
