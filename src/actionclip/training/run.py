"""A recipe and its clips become a run: model, objective, optimizer and sources, and their state.

Shapes:
    K: templates   N: labels   L: tokens   D: shared width
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from actionclip.data.annotations import Annotations
from actionclip.evaluation import selection
from actionclip.evaluation.selection import Selection
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier
from actionclip.text import prompts
from actionclip.training import data, optim, sources
from actionclip.training.data import Parts
from actionclip.training.objectives import OBJECTIVES, Classification, Objective, Targets, Texts
from actionclip.training.recipe import Recipe
from actionclip.training.sources import (
    CachedFeatures,
    HeldClips,
    OnProgress,
    Plan,
    Source,
    Videos,
)

_DTYPES = {"no": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_TEXTS_AT_ONCE = 256


class Run:
    """All that a run consists of, and the part of its state that each step changes."""

    def __init__(
        self,
        recipe: Recipe,
        accelerator: Accelerator,
        parts: Parts,
        on_features: OnProgress = lambda done, total: None,
    ) -> None:
        """Load the model, compute the features that are cached, and wrap the model.

        Raises:
            FileNotFoundError: the model does not exist.
            ValueError: the model cannot do what the recipe asks for.
        """
        self.recipe = recipe
        self.accelerator = accelerator
        self.model = load_model(recipe, _DTYPES[accelerator.mixed_precision])
        self.model.to(accelerator.device)
        if recipe.data.hold or not recipe.data.cached_views:
            self.model.see_frames_alone()  # pixels of a clip do not show what is around them
        texts = tokenize(self.model, recipe, parts.train)
        self.model.task = recipe.task(parts.train.labels)
        self.data = self._source(parts.train, recipe.data.cached_views, on_features)
        self.held_out = self._source(parts.held_out, 1, on_features)
        self.held_out_source = parts.source
        data.check_batch_size(recipe, self.data.annotations)  # without damaged videos

        annotations = self.data.annotations
        self.num_epochs = recipe.optim.epochs
        self.exclusive = not (
            annotations.is_multi_label or self.held_out.annotations.is_multi_label
        )
        self.labels = [annotations.label_indices(example) for example in annotations.examples]
        self.num_steps = len(self.labels) // recipe.optim.batch_size
        """Of an epoch."""

        self.objective: Objective = OBJECTIVES[recipe.loss.kind](
            self.model,
            recipe.loss.target,
            num_labels=len(annotations.labels),
            test_scale=recipe.conventions.logit_scale,
        )
        self.trained = optim.trained(self.objective)
        optimizer = optim.adamw(self.objective, recipe.optim)
        self.schedule = optim.Schedule(optimizer, recipe.optim, self.num_steps)
        if recipe.computing.compile:
            self.objective.compile()
        self.prepared, self.optimizer = accelerator.prepare(self.objective, optimizer)
        self.texts: Int[Tensor, "K N L"] | Float[Tensor, "K N D"] = texts.to(accelerator.device)
        if not any(name.startswith("model.encoder.text") for name in self.trained):
            self.texts = embed_labels(self.model, self.texts)
        decay = recipe.weights.ema_decay
        self._average = get_ema_multi_avg_fn(decay) if decay else None
        self.ema = optim.copy_weights(self.trained) if decay else None
        """The exponential moving average of the weights."""

    def _source(self, clips: Annotations, num_views: int, on_features: OnProgress) -> Source:
        pin_memory = self.accelerator.device.type == "cuda"
        source = Videos(clips, self.model, self.recipe, pin_memory=pin_memory)
        if self.recipe.data.hold:
            return HeldClips(source, on_features)
        if not self.recipe.data.cached_views:
            return source
        for name in optim.trained(self.model):
            if name.startswith(("encoder.vision_tower.", "encoder.time_positions")):
                raise ValueError(
                    "data.cached_views: features can be cached of a frozen vision tower only, but "
                    f'{name} is trained; set weights.freeze = ["encoder.vision_tower"] or '
                    "cached_views = 0"
                )
        return CachedFeatures(source, self.model, self.accelerator, num_views, on_features)

    def draw(self, epoch: int, first_step: int) -> Iterator[tuple[Plan, Tensor]]:
        """Yield this process's part of every step of an epoch: the plan and the clips."""
        batch_size, seed = self.recipe.optim.batch_size, self.recipe.computing.seed
        plans = sources.plan_epoch(self.labels, len(self.texts), batch_size, seed, epoch)
        num_mine = batch_size // self.accelerator.num_processes
        first = num_mine * self.accelerator.process_index
        mine = range(first, first + num_mine)
        return self.data.draw([plan.choose(mine) for plan in plans[first_step:]])

    def texts_of(self, plan: Plan) -> Texts:
        """Return the text of each clip: one of its labels in one of the templates."""
        rows = torch.tensor([plan.templates, plan.labels])
        templates, labels = rows.to(self.accelerator.device, non_blocking=True)
        return self.texts[templates, labels]

    def targets_of(self, plan: Plan) -> Targets:
        """Return the labels of the clips and of their texts."""
        clip_labels = text_labels = torch.tensor(plan.labels)
        if not self.exclusive:
            text_labels = nn.functional.one_hot(text_labels, self.texts.shape[1])
            clip_labels = torch.zeros_like(text_labels)
            for row, clip in zip(clip_labels, plan.clips, strict=True):
                row[self.labels[clip]] = 1
        device = self.accelerator.device
        return Targets(
            clip_labels.to(device, non_blocking=True), text_labels.to(device, non_blocking=True)
        )

    def clip_gradient(self) -> Float[Tensor, ""]:
        """Scale a gradient down to `clip_norm`, and return the norm that it had."""
        norm = self.recipe.optim.clip_norm or float("inf")
        length: Any = self.accelerator.clip_grad_norm_(self.trained.values(), norm)
        return length

    @torch.no_grad()
    def update_ema(self) -> None:
        """Move the moving average, if there is one, towards the weights."""
        if self.ema is not None and self._average is not None:
            weights = [parameter.detach() for parameter in self.trained.values()]
            self._average(list(self.ema.values()), weights, 0)

    @property
    def tested(self) -> Mapping[str, Tensor]:
        """The weights that are tested and saved: the moving average if there is one."""
        return self.trained if self.ema is None else self.ema

    @property
    def can_be_calibrated(self) -> bool:
        """Whether scores are probabilities of labels in words."""
        return self.exclusive and not isinstance(self.objective, Classification)

    def write_checkpoint(
        self, folder: Path, weights: Mapping[str, Tensor], *, is_selected: bool
    ) -> None:
        """Write a checkpoint that `ActionCLIP.load` takes.

        Args:
            folder: of the checkpoint.
            weights: the values of the trained parameters.
            is_selected: whether the scores of the held-out clips selected them.
        """
        with self.using(weights):
            has_lora = self.recipe.weights.lora_rank is not None
            model = optim.merge_lora(self.model) if has_lora else self.model
            precision, model.precision = model.precision, torch.float32  # that of the weights
            if isinstance(self.objective, Classification):
                model.classifier = Classifier(**self.objective.classifier.state_dict())
            model.save(folder)
            model.precision, model.classifier = precision, None
        self.write_selection(folder, is_selected=is_selected)

    def write_selection(self, folder: Path, *, is_selected: bool) -> None:
        """Write beside a checkpoint which clips selected it or the model that it started from."""
        keys = self._held_out_keys
        now = Selection(
            self.held_out_source,
            keys if is_selected else frozenset(),
            keys if self.can_be_calibrated else frozenset(),
        )
        selection.write((selection.read(self.recipe.model.start) or Selection()) | now, folder)

    @cached_property
    def _held_out_keys(self) -> frozenset[str]:
        return selection.keys(self.held_out.annotations.examples)

    @contextmanager
    def using(self, weights: Mapping[str, Tensor]) -> Iterator[None]:
        """Set other weights within a `with` block."""
        if weights is self.trained:
            yield
            return
        now = optim.copy_weights(self.trained)
        optim.set_weights(self.trained, weights)
        try:
            yield
        finally:
            optim.set_weights(self.trained, now)

    def state_dict(self) -> dict[str, Any]:
        """Return all that changes with every step."""
        scaler = self.accelerator.scaler
        return {
            "weights": optim.copy_weights(self.trained),
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler else None,
            "mean": self.ema,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what `state_dict` returned."""
        optim.set_weights(self.trained, state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if self.ema is not None:
            optim.set_weights(self.ema, state["mean"])


def load_start(recipe: Recipe) -> ActionCLIP:
    """Load the model that the recipe starts from, with its visual prompts; the same every time.

    Raises:
        FileNotFoundError: the model does not exist.
        ValueError: it cannot do what the recipe asks for.
    """
    chosen = recipe.model
    torch.manual_seed(recipe.computing.seed)  # of new heads
    model = ActionCLIP.load(
        chosen.start,
        temporal_head=chosen.temporal_head,
        num_frames=chosen.num_frames,
        shift=chosen.shift,
        joint=chosen.joint,
        head_initialisation=chosen.head_initialisation,
    )
    for name in chosen.random_towers:
        optim.reinitialize(model.encoder.get_submodule(f"{name}_tower"))
    return model


def load_model(recipe: Recipe, dtype: torch.dtype) -> ActionCLIP:
    """Load the start as `load_start`, add LoRA adapters, and freeze what is not trained."""
    model = load_start(recipe)
    use_fp32 = recipe.computing.precision == "auto" and model.encoder.wants_fp32
    model.precision = torch.float32 if use_fp32 else dtype  # of computing; weights stay fp32
    if recipe.weights.lora_rank is not None:
        optim.add_lora(model, recipe.weights.lora_rank)
    optim.freeze(model, recipe.weights.freeze)
    if recipe.computing.gradient_checkpointing:
        for tower in (model.encoder.vision_tower, model.encoder.text_tower):
            enable = getattr(tower, "activation_checkpointing_enable", None)
            enable = enable or getattr(tower, "gradient_checkpointing_enable", None)  # older name
            if enable is None:
                raise ValueError(
                    "computing.gradient_checkpointing: the towers of 'lite' cannot; set it to "
                    "false, and optim.micro_batch_size to less"
                )
            enable()
    return model


def tokenize(model: ActionCLIP, recipe: Recipe, clips: Annotations) -> Int[Tensor, "K N L"]:
    """Tokenize every label in every template.

    Raises:
        ValueError: a template has not exactly one hole.
    """
    labels, raw = clips.labels, recipe.conventions.raw_label_names
    texts = prompts.fill(recipe.templates, clips.written(labels) if raw else labels, raw=raw)
    return model.tokenize(texts).unflatten(0, (len(recipe.templates), len(labels)))


@torch.inference_mode()
def embed_labels(
    model: ActionCLIP, texts: Int[Tensor, "K N L"] | Float[Tensor, "K N D"]
) -> Float[Tensor, "K N D"]:
    """Embed every label in every template, unless the texts are embeddings."""
    if texts.is_floating_point():
        return texts
    parts = texts.flatten(0, 1).split(_TEXTS_AT_ONCE)
    embeddings = torch.cat([model.embed_tokens(part) for part in parts])  # (K·N, D)
    return embeddings.float().unflatten(0, texts.shape[:2])
