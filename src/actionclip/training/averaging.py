"""Means of weights: of the steps of a run, and of its end with its beginning.

A running mean of the steps is steadier than the last of them; a mixture with the starting weights
keeps more of what the start could do with labels that it was not trained on (Wortsman et al. 2022,
Weng et al. 2023). Only weights that move are kept. Knows no data and no loss.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

Weights = dict[str, Tensor]


def copy(parameters: Mapping[str, Tensor]) -> Weights:
    """Keep the weights as they are now."""
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


class RunningMean:
    """An exponential moving average of the weights (EMA)."""

    def __init__(self, parameters: Mapping[str, nn.Parameter], decay: float) -> None:
        """Start from the weights as they are.

        Args:
            parameters: those that move.
            decay: the share of the old mean that every step keeps.
        """
        self.parameters = parameters
        self.weights = copy(parameters)
        self._update = get_ema_multi_avg_fn(decay)

    @torch.no_grad()
    def update(self) -> None:
        """Move the mean towards the weights of now."""
        now = [parameter.detach() for parameter in self.parameters.values()]
        self._update(list(self.weights.values()), now, 0)


def mix(start: Mapping[str, Tensor], end: Mapping[str, Tensor], share: float) -> Weights:
    """Interpolate: a share of 0 is the start, of 1 the end."""
    return {name: torch.lerp(start[name], end[name], share) for name in end}


@torch.no_grad()
def put(weights: Mapping[str, Tensor], parameters: Mapping[str, Tensor]) -> None:
    """Write weights into the parameters of the same names."""
    for name, parameter in parameters.items():
        parameter.copy_(weights[name])
