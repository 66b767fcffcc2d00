"""Rows that each process holds become the rows of all, with gradients that find their way back.

So every process compares its own clips with all texts and the other way round, and holds B/W rows
of the B × B logits instead of all of them (W processes). torch's own versions of this changed their
names from release to release, and one of them drops gradients.

Shapes:
    rows: of this process   B: rows of all, in the order of the processes   D: width
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Shaped
from torch import Tensor
from torch import distributed as dist

_SIGNS_OF_LOSS = ("closed by peer", "reset by peer", "Broken pipe", "Connection refused", "NCCL")


def rank() -> int:
    """Give the number of this process, from 0."""
    return dist.get_rank() if dist.is_initialized() else 0


@contextmanager
def naming_lost_ones(num_processes: int) -> Iterator[None]:
    """Turn the error of a broken connection to another process into one line.

    Args:
        num_processes: of the run.

    Raises:
        OSError: another process of the run ended.
    """
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if num_processes == 1 or not any(sign in text for sign in _SIGNS_OF_LOSS):
            raise
        raise OSError(
            "another process of this run ended, and its own message says why; what was saved "
            "before is unharmed: mend that, and go on by --resume"
        ) from error


def gather(rows: Shaped[Tensor, "rows ..."]) -> Shaped[Tensor, "B ..."]:
    """Give the rows of all processes.

    Going back, a row's gradients from all processes add up; with losses that are means over a
    process's own rows, and parameters' gradients averaged over the processes as DDP does, the
    result is the gradient of the mean over all rows.
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
        first = rank() * ctx.num_rows
        return summed[first : first + ctx.num_rows]
