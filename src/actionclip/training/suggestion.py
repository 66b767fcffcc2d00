"""No recipe is given: the size of the data and the hardware become one.

Knows no run; what comes out is a recipe like any other, to be kept and edited.
"""

from __future__ import annotations

from actionclip.conventions import Like
from actionclip.training import prepare
from actionclip.training.recipe import Computing, Data, Model, Optim, Prompts, Recipe, Weights

CLIPS_TO_MOVE_TOWERS = 2000
"""Below this, towers that move learn the clips by heart; and without a GPU it takes days."""
STEPS_OF_A_HEAD = 1500
_MOST_EPOCHS = 200


def suggest(chosen: Data, model: str, *, has_gpu: bool, like: Like = "default") -> Recipe:
    """Choose how to train a model on data.

    Args:
        chosen: the data, with its videos and labels.
        model: lite, a name on a hub, a checkpoint folder or an official .pt file.
        has_gpu: whether there is one to train on.
        like: official: with the values of the official code, whatever the size of the data.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: something is wrong with it.
    """
    num_clips = len(prepare.read_trainable(chosen).of_split("train").examples)
    if like == "official":
        return Recipe(
            like=like,
            model=Model(start=model, temporal_head="transformer"),
            data=chosen,
            optim=Optim(batch_size=max(2, min(128, num_clips))),
        )
    templates = Prompts(templates="bare" if model == "lite" else "paper")
    if has_gpu and model != "lite" and num_clips >= CLIPS_TO_MOVE_TOWERS:
        return Recipe(
            model=Model(start=model, temporal_head="transformer"),
            data=chosen.model_copy(update={"num_workers": 8}),
            prompts=templates,
            optim=Optim(epochs=30, warmup_epochs=3, batch_size=128, micro_batch_size=32),
            weights=Weights(ema_decay=0.999),
        )
    batch_size = max(2, min(64, num_clips // 4))
    epochs = min(_MOST_EPOCHS, max(10, STEPS_OF_A_HEAD // max(1, num_clips // batch_size)))
    return Recipe(
        model=Model(start=model, temporal_head="motion"),
        data=chosen.model_copy(update={"augmentation": "none", "cached_views": 4}),
        prompts=templates,
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
