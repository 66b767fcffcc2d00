"""All that a run consists of, put together from its recipe, its model and its data.

Knows nothing of the loop (`train`) and of the folder (`run_folder`).

Shapes:
    B: clips of a step, over all processes   K: templates   N: labels   L: tokens   D: width
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
from torch import Tensor

from actionclip.evaluation import selection
from actionclip.evaluation.selection import Selection
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier
from actionclip.training import averaging, batches, lora, optim, validation
from actionclip.training.batches import Plan, Planner
from actionclip.training.objectives import Answers, Classification, Contrastive, Objective, Texts
from actionclip.training.recipe import Recipe
from actionclip.training.sources import Source

TextTable = Int[Tensor, "K N L"] | Float[Tensor, "K N D"]


class Run:
    """A model on its way."""

    def __init__(
        self,
        recipe: Recipe,
        accelerator: Accelerator,
        model: ActionCLIP,
        texts: Int[Tensor, "K N L"],
        data: Source,
        held_out: Source,
        held_out_source: str,
    ) -> None:
        """Wrap the model as the recipe says.

        Args:
            recipe: says all that is not data or weights.
            accelerator: knows device, precision and processes.
            model: what is trained; what is frozen in it stays so.
            texts: tokens of every label in every template.
            data: to train on; every clip has a label.
            held_out: they select the checkpoint.
            held_out_source: where they come from, in words.
        """
        self.recipe = recipe
        self.accelerator = accelerator
        self.model = model
        self.data = data
        self.held_out = held_out
        self.held_out_source = held_out_source
        self.num_epochs = recipe.optim.epochs
        self.clip_norm = recipe.optim.clip_norm or float("inf")
        self.exclusive = not (
            data.annotations.is_multi_label or held_out.annotations.is_multi_label
        )
        self.labels = [data.annotations.label_indices(e) for e in data.annotations.examples]
        self.planner = Planner(
            self.labels, len(texts), recipe.optim.batch_size, recipe.computing.seed
        )
        num_mine = recipe.optim.batch_size // accelerator.num_processes
        first = num_mine * accelerator.process_index
        self.mine = range(first, first + num_mine)
        self.micro_batch_size = recipe.optim.micro_batch_size or num_mine

        self.objective = self._objective()
        self.trained = optim.trained(self.objective)
        optimizer = optim.adamw(self.objective, recipe.optim)
        self.schedule = optim.Schedule(optimizer, recipe.optim, self.planner.num_steps)
        if recipe.computing.compile:
            self.objective.compile()
        self.prepared, self.optimizer = accelerator.prepare(self.objective, optimizer)
        self.texts: TextTable = texts.to(accelerator.device)
        if not any(name.startswith("model.encoder.text") for name in self.trained):
            self.texts = validation.embed_labels(model, self.texts)
        decay = recipe.weights.ema_decay
        self.mean = averaging.RunningMean(self.trained, decay) if decay else None

    def draw(self, epoch: int, first_step: int) -> Iterator[tuple[Plan, Tensor]]:
        """Give this process's part of every step of an epoch: what is planned, and the clips."""
        plans = self.planner.plan(epoch, first_step)
        return self.data.draw([plan.choose(self.mine) for plan in plans])

    def texts_of(self, plan: Plan) -> Texts:
        """Give the text of each clip: one of its labels in one of the templates."""
        device = self.accelerator.device
        places = torch.tensor([plan.templates, plan.labels]).to(device, non_blocking=True)
        return self.texts[places[0], places[1]]

    def answers_to(self, plan: Plan) -> Answers:
        """Give the labels of the clips and of their texts."""
        clip_labels = text_labels = torch.tensor(plan.labels)
        if not self.exclusive:
            num_labels = self.texts.shape[1]
            clip_labels = batches.mark([self.labels[clip] for clip in plan.clips], num_labels)
            text_labels = batches.mark([[label] for label in plan.labels], num_labels)
        device = self.accelerator.device
        return Answers(
            clip_labels.to(device, non_blocking=True), text_labels.to(device, non_blocking=True)
        )

    def clip_gradient(self) -> Float[Tensor, ""]:
        """Shorten a gradient that is too long; return the length that it had."""
        length: Any = self.accelerator.clip_grad_norm_(self.trained.values(), self.clip_norm)
        return length

    @property
    def kept(self) -> Mapping[str, Tensor]:
        """The weights that are tested and kept: the running mean if there is one."""
        return self.mean.weights if self.mean else self.trained

    def test(self) -> validation.Metrics:
        """Measure the kept weights on the held-out clips."""
        with self._holding(self.kept):
            self.objective.eval()
            metrics = validation.measure(
                self.accelerator,
                self.objective,
                self.held_out,
                validation.embed_labels(self.model, self.texts),
                exclusive=self.exclusive,
            )
            optim.train_mode(self.objective)
        return metrics

    @property
    def can_be_calibrated(self) -> bool:
        """Whether scores are probabilities of words."""
        return self.exclusive and self.recipe.loss.kind != "classifier"

    def write_selection(self, folder: Path, *, is_selected: bool) -> None:
        """Write beside a checkpoint which clips chose it, those of what it started from too.

        Args:
            folder: of the checkpoint.
            is_selected: whether the scores of the held-out clips selected its weights.
        """
        started = selection.read(self.recipe.model.start) or Selection()
        now = Selection(
            self.held_out_source,
            self._held_out_keys if is_selected else frozenset(),
            self._held_out_keys if self.can_be_calibrated else frozenset(),
        )
        selection.write(started | now, folder)

    @cached_property
    def _held_out_keys(self) -> frozenset[str]:
        return selection.keys(self.held_out.annotations.examples)

    def write_checkpoint(self, folder: Path, weights: Mapping[str, Tensor]) -> None:
        """Write a checkpoint that `ActionCLIP.load` takes, and a classifier beside it if any."""
        with self._holding(weights):
            adapted = self.recipe.weights.lora_rank is not None
            model = lora.merged(self.model) if adapted else self.model
            computed_in, model.precision = model.precision, torch.float32  # that of the weights
            if isinstance(self.objective, Classification):
                model.classifier = Classifier(**self.objective.classifier.state_dict())
            model.save(folder)
            model.precision, model.classifier = computed_in, None

    @contextmanager
    def _holding(self, weights: Mapping[str, Tensor]) -> Iterator[None]:
        """Let the model hold other weights for a while."""
        if weights is self.trained:
            yield
            return
        now = averaging.copy(self.trained)
        averaging.put(weights, self.trained)
        try:
            yield
        finally:
            averaging.put(now, self.trained)

    def state_dict(self) -> dict[str, Any]:
        """Give all that changes with every step."""
        scaler = self.accelerator.scaler
        return {
            "weights": averaging.copy(self.trained),
            "optimizer": self.optimizer.state_dict(),
            "scaler": scaler.state_dict() if scaler else None,
            "mean": self.mean.weights if self.mean else None,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go back to what `state_dict` gave."""
        averaging.put(state["weights"], self.trained)
        self.optimizer.load_state_dict(state["optimizer"])
        if self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        if self.mean:
            averaging.put(state["mean"], self.mean.weights)

    def _objective(self) -> Objective:
        chosen = self.recipe.loss
        if chosen.kind == "classifier":
            return Classification(self.model, len(self.data.annotations.labels))
        return Contrastive(
            self.model,
            chosen.target,
            one_hot=chosen.kind == "one-hot",
            test_scale=self.recipe.conventions.logit_scale,
        )
