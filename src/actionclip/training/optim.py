"""Which weights move, and how fast: names of parameters become an optimizer and its learning rate.

Knows no data and no loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn

from actionclip.training import recipe

HEADS = ("model.temporal_head.", "model.encoder.projection.", "classifier.")
"""Beginnings of the names, in an objective, of what is new and learns faster than the towers."""


def freeze(model: nn.Module, beginnings: Sequence[str]) -> None:
    """Keep the parameters whose names begin so as they are.

    Raises:
        ValueError: no parameter's name begins so, or nothing is left to train.
    """
    names = [name for name, _ in model.named_parameters()]
    for beginning in beginnings:
        if not any(name.startswith(beginning) for name in names):
            known = sorted({".".join(name.split(".")[:2]) for name in names})
            raise ValueError(
                f"weights.freeze: no parameter's name begins with {beginning!r}; there are {known}"
            )
    for name, parameter in model.named_parameters():
        if name.startswith(tuple(beginnings)):
            parameter.requires_grad_(False)


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Give the parameters that move, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def train_mode(model: nn.Module) -> None:
    """Switch on what only training does, such as dropout, where weights move.

    What is frozen stays as it is at test time; so does every batch norm, because its statistics
    would make a clip's features depend on the other clips of its micro-batch.
    """
    model.train()
    for module in model.modules():
        moves = any(parameter.requires_grad for parameter in module.parameters())
        if isinstance(module, nn.modules.batchnorm._BatchNorm) or not moves:
            module.eval()


def adamw(objective: nn.Module, chosen: recipe.Optim) -> torch.optim.AdamW:
    """Make the optimizer: groups for head and towers, with and without decay.

    Raises:
        ValueError: every parameter is frozen.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in trained(objective).items():
        decays = parameter.ndim > 1 or chosen.decay_norms_and_biases
        groups.setdefault((name.startswith(HEADS), decays), []).append(parameter)
    if not groups:
        raise ValueError("weights.freeze: every parameter is frozen; leave something to train")
    beta1, beta2 = chosen.betas
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": chosen.lr * (chosen.head_lr_ratio if is_head else 1),
                "weight_decay": chosen.weight_decay if decays else 0.0,
            }
            for (is_head, decays), parameters in groups.items()
        ],
        betas=(beta1, beta2),
        eps=1e-8,
        fused=True,
    )


class Schedule:
    """Sets the learning rate of a step: a linear warm-up, then a cosine to zero."""

    def __init__(
        self, optimizer: torch.optim.Optimizer, chosen: recipe.Optim, num_steps: int
    ) -> None:
        """Take the highest rates from the optimizer.

        Args:
            optimizer: its groups hold them.
            chosen: says how many epochs, and when the rate changes.
            num_steps: of an epoch.
        """
        self.optimizer = optimizer
        self.peaks = [group["lr"] for group in optimizer.param_groups]
        self.chosen = chosen
        self.num_steps = num_steps

    def set_rate(self, step: int) -> float:
        """Set the learning rates for the step of this number, from 0; give the first of them."""
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * self._share(step)
        return self.optimizer.param_groups[0]["lr"]

    def _share(self, step: int) -> float:
        """Give the share of the highest rate."""
        if self.chosen.schedule == "official":
            return self._official_share(step)
        num_warmup_steps = round(self.chosen.warmup_epochs * self.num_steps)
        num_steps = self.chosen.epochs * self.num_steps
        if step < num_warmup_steps:
            return (step + 1) / num_warmup_steps
        return _cosine((step - num_warmup_steps) / (num_steps - num_warmup_steps))

    def _official_share(self, step: int) -> float:
        """Count in epochs, from 0; change at the steps 1, 10, 20, … of an epoch (train.py)."""
        epoch, place = divmod(step, self.num_steps)
        last_change = max(0, (place + 1) // 10 * 10 - 1)
        progress, warmup = epoch + last_change / self.num_steps, self.chosen.warmup_epochs
        if progress < warmup:
            return progress / warmup
        return _cosine((progress - warmup) / (self.chosen.epochs - warmup))


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2
