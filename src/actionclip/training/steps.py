"""One step's gradients: a batch of any size becomes the gradient of its whole contrastive loss.

Where a batch does not fit at once, its rows are made piece by piece without keeping activations,
the loss of all rows says how each row should change, and each piece is then computed once more to
pass this on to the weights (GradCache, Gao et al. 2021). The result is that of the whole batch, for
twice the forward computation. Knows no files and no optimizer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from actionclip.training.objectives import Answers, Clips, Objective, Texts

Rows = tuple[Tensor, ...]


def backward(
    accelerator: Accelerator,
    prepared: Callable[..., Rows],
    objective: Objective,
    clips: Clips,
    texts: Texts,
    answers: Answers,
    seeds: Sequence[int],
    micro_batch_size: int,
) -> Float[Tensor, ""]:
    """Add the step's gradients to the parameters', and give the loss of this process's rows.

    Args:
        accelerator: scales and synchronises gradients.
        prepared: the objective as the accelerator wrapped it.
        objective: the same, bare.
        clips: of this process.
        texts: of this process, one for each clip.
        answers: what is right.
        seeds: one for each clip; dropout is drawn from a piece's first one, so that both passes
            over the piece draw the same.
        micro_batch_size: clips of a piece.
    """

    def rows_of(start: int) -> Rows:
        torch.manual_seed(seeds[start])
        piece = slice(start, start + micro_batch_size)
        return prepared(clips[piece], texts[piece])

    starts = range(0, len(clips), micro_batch_size)
    if len(starts) == 1:
        loss = objective.loss(rows_of(0), answers)
        accelerator.backward(loss)
        return loss.detach()

    with torch.no_grad():
        pieces = [rows_of(start) for start in starts]
    rows = [torch.cat(column).requires_grad_() for column in zip(*pieces, strict=True)]
    loss = objective.loss(rows, answers)
    directions = torch.autograd.grad(loss, rows)
    for start in starts:
        # Processes exchange gradients once, with the last piece.
        wait: Any = nullcontext() if start == starts[-1] else accelerator.no_sync(prepared)
        with wait:
            accelerator.backward(_along(rows_of(start), directions, start))
    return loss.detach()


def _along(piece: Rows, directions: Rows, start: int) -> Float[Tensor, ""]:
    """Make a number whose gradient for the piece's rows is the loss's gradient for them."""
    products = [
        (part * whole[start : start + len(part)]).sum()
        for part, whole in zip(piece, directions, strict=True)
        if part.requires_grad
    ]
    return torch.stack(products).sum()
