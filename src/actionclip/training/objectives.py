"""What training minimizes: clips and texts become rows, rows a loss, and the loss gradients.

Rows and loss are two steps because a batch can be larger than fits in memory: `backward` computes
rows in micro-batches and the loss over all of them. Only the towers compute in less than fp32.

Shapes:
    B: clips of a step, over all processes   R: clips of this process   N: labels
    K: templates   T: frames of a clip   H W: pixels   L: tokens   D: shared width
    E: width of the vision tower
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, NamedTuple, TypeVar

import torch
from accelerate import Accelerator
from jaxtyping import Float, Int, Shaped, UInt8
from torch import Tensor, nn
from torch import distributed as dist

from actionclip.core import scoring
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import loss
from actionclip.video import transforms

Clips = UInt8[Tensor, "R T 3 H W"] | Float[Tensor, "R T 3 H W"] | Float[Tensor, "R T E"]
"""Pixels, RGB, uint8 or in 0…1; or their vision features."""
Texts = Int[Tensor, "R L"] | Float[Tensor, "R D"]
"""Tokens, or embeddings."""
Rows = tuple[Tensor, ...]


class Targets(NamedTuple):
    """The labels of this process's clips and texts in a step."""

    clip_labels: loss.Labels
    text_labels: loss.Labels


class Objective(nn.Module, abc.ABC):
    """A model and its loss."""

    def __init__(
        self,
        model: ActionCLIP,
        target: loss.Target = "exact",
        *,
        num_labels: int = 0,
        test_scale: float | None = None,
    ) -> None:
        """Wrap the model to be trained.

        Args:
            model: its parameters become this module's.
            target: of rows with several matches.
            num_labels: of the training data.
            test_scale: multiplies the cosines in `scores`; by default the model's logit scale.
        """
        super().__init__()
        self.model = model
        self.target: loss.Target = target
        self.test_scale = test_scale

    @abc.abstractmethod
    def forward(self, clips: Clips, texts: Texts) -> Rows:
        """Compute the rows of this process's clips, and of a text for each clip."""

    @abc.abstractmethod
    def loss(self, rows: Sequence[Tensor], targets: Targets) -> Float[Tensor, ""]:
        """Compute the loss of this process's rows."""

    @abc.abstractmethod
    def scores(
        self, clips: Clips, label_embeddings: Float[Tensor, "K N D"], *, exclusive: bool
    ) -> Float[Tensor, "R N"]:
        """Score every label: probabilities if labels exclude each other, else logits."""


ObjectiveClass = TypeVar("ObjectiveClass", bound=type[Objective])
OBJECTIVES: dict[str, type[Objective]] = {}
"""By the `loss.kind` of recipes."""


def register(kind: str) -> Callable[[ObjectiveClass], ObjectiveClass]:
    """Make an objective available as `loss.kind` of recipes.

    Raises:
        TypeError: the class lacks a method of `Objective`.
    """

    def add(objective: ObjectiveClass) -> ObjectiveClass:
        missing = sorted(objective.__abstractmethods__)
        if missing:
            raise TypeError(
                f"objective {kind!r}: {objective.__name__} has no {', '.join(missing)}; define it"
            )
        OBJECTIVES[kind] = objective
        return objective

    return add


@register("contrastive")
class Contrastive(Objective):
    """ActionCLIP's: clips and texts of one label match."""

    def forward(self, clips: Clips, texts: Texts) -> Rows:
        """Embed both; the embeddings of clips are multiplied by the logit scale."""
        text_embeddings = texts if texts.is_floating_point() else self.model.embed_tokens(texts)
        return self.model.logit_scale.exp() * self._embed(clips), text_embeddings.float()

    def loss(self, rows: Sequence[Tensor], targets: Targets) -> Float[Tensor, ""]:
        """Compare this process's clips with all texts, and its texts with all clips."""
        clips, texts = rows  # (R, D)
        clip_to_text = self._compare(clips, texts, targets.clip_labels, targets.text_labels)
        text_to_clip = self._compare(texts, clips, targets.text_labels, targets.clip_labels)
        return (clip_to_text + text_to_clip) / 2

    def _compare(
        self,
        rows: Float[Tensor, "R D"],
        columns: Float[Tensor, "R D"],
        row_labels: loss.Labels,
        column_labels: loss.Labels,
    ) -> Float[Tensor, ""]:
        logits = rows @ gather(columns).T  # (R, B)
        matches = loss.overlap(row_labels, gather(column_labels))
        return loss.kl_divergence(logits, matches, self.target)

    def scores(
        self, clips: Clips, label_embeddings: Float[Tensor, "K N D"], *, exclusive: bool
    ) -> Float[Tensor, "R N"]:
        """Compute the mean over the templates, of probabilities or of logits."""
        scale = self.test_scale or self.model.scale
        logits = scoring.logits(self._embed(clips), label_embeddings, scale)  # (R, K, N)
        return scoring.mean_scores(logits, exclusive=exclusive)

    def _embed(self, clips: Clips) -> Float[Tensor, "R D"]:
        return self.model.embed_frame_features(frame_features(self.model, clips))


@register("one-hot")
class OneHot(Contrastive):
    """CLIP's own: each clip matches its own text only, whatever labels others have."""

    def loss(self, rows: Sequence[Tensor], targets: Targets) -> Float[Tensor, ""]:
        """Compare as if every clip of the step had a label of its own."""
        first = _rank() * len(rows[0])
        labels = torch.arange(first, first + len(rows[0])).to(rows[0].device)
        return super().loss(rows, Targets(labels, labels))


@register("classifier")
class Classification(Objective):
    """The paper's unimodal baseline: the same tower and head, a linear layer and no texts."""

    def __init__(self, model: ActionCLIP, *arguments: Any, num_labels: int, **options: Any) -> None:  # noqa: ANN401  # those of `Objective`
        super().__init__(model, *arguments, num_labels=num_labels, **options)
        self.classifier = nn.Linear(model.encoder.clip_width, num_labels)
        for name, parameter in model.named_parameters():
            if name.startswith(("encoder.text", "logit_scale")):
                parameter.requires_grad_(False)

    def forward(self, clips: Clips, texts: Texts) -> Rows:
        """Compute the logits of the labels."""
        return (self._logits(clips),)

    def loss(self, rows: Sequence[Tensor], targets: Targets) -> Float[Tensor, ""]:
        """Compare the logits with the labels."""
        return loss.classification(rows[0], targets.clip_labels)

    def scores(
        self, clips: Clips, label_embeddings: Float[Tensor, "K N D"], *, exclusive: bool
    ) -> Float[Tensor, "R N"]:
        """Score every label."""
        logits = self._logits(clips)
        return logits.softmax(dim=-1) if exclusive else logits

    def _logits(self, clips: Clips) -> Float[Tensor, "R N"]:
        return self.classifier(self.model.clip_features(frame_features(self.model, clips)))


def frame_features(model: ActionCLIP, clips: Clips) -> Float[Tensor, "R T D"]:
    """Encode clips that are pixels or vision features."""
    if clips.ndim == 3:
        return model.project(clips)
    return model.frame_features(transforms.to_float(clips))


def backward(
    accelerator: Accelerator,
    prepared: Callable[..., Rows],
    objective: Objective,
    clips: Clips,
    texts: Texts,
    targets: Targets,
    seeds: Sequence[int],
    micro_batch_size: int,
) -> Float[Tensor, ""]:
    """Add the step's gradients to the parameters', and return the loss of this process's rows.

    With several micro-batches, rows are first computed without storing activations; the gradient of
    the loss of all rows with respect to each row is then passed on to the weights in a second
    forward pass (GradCache, Gao et al. 2021). The result is that of the whole batch.

    Args:
        accelerator: scales and synchronizes gradients.
        prepared: the objective as `accelerator.prepare` returned it.
        objective: the objective itself.
        clips: of this process.
        texts: one for each clip.
        targets: the labels of both.
        seeds: one for each clip; the first of a micro-batch seeds its dropout in both passes.
        micro_batch_size: clips of a micro-batch.
    """

    def rows_of(start: int) -> Rows:
        torch.manual_seed(seeds[start])
        part = slice(start, start + micro_batch_size)
        return prepared(clips[part], texts[part])

    starts = range(0, len(clips), micro_batch_size)
    if len(starts) == 1:
        loss = objective.loss(rows_of(0), targets)
        accelerator.backward(loss)
        return loss.detach()

    with torch.no_grad():
        parts = [rows_of(start) for start in starts]
    rows = [torch.cat(column).requires_grad_() for column in zip(*parts, strict=True)]
    loss = objective.loss(rows, targets)
    gradients = torch.autograd.grad(loss, rows)
    for start in starts:
        # Processes exchange gradients once, with the last micro-batch.
        is_last = start == starts[-1]
        synchronizing: Any = nullcontext() if is_last else accelerator.no_sync(prepared)  # type: ignore[arg-type]
        with synchronizing:
            products = [
                (part * gradient[start : start + len(part)]).sum()
                for part, gradient in zip(rows_of(start), gradients, strict=True)
                if part.requires_grad
            ]
            # The gradient of this sum is that of the loss.
            accelerator.backward(torch.stack(products).sum())
    return loss.detach()


def gather(rows: Shaped[Tensor, "rows ..."]) -> Shaped[Tensor, "all ..."]:
    """Return the rows of all processes, in their order.

    In the backward pass a row's gradients from all processes add up: averaged over processes, as in
    DDP, they are the gradient of the mean over all rows. (torch's own versions changed their names
    from release to release, and one of them drops gradients.)
    """
    if not dist.is_initialized() or dist.get_world_size() == 1:
        return rows
    return _Gather.apply(rows)  # type: ignore[return-value]  # apply is untyped


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:  # noqa: ANN401  # torch's, untyped
        ctx.num_rows = len(rows)
        everyone = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(everyone, rows.contiguous())
        return torch.cat(everyone)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ANN401
        summed = gradients[0].contiguous().clone()
        dist.all_reduce(summed)
        first = _rank() * ctx.num_rows
        return summed[first : first + ctx.num_rows]


def _rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0
