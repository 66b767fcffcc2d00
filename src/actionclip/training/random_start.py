"""A tower forgets what it learnt: its weights become those that a new one begins with."""

from __future__ import annotations

from torch import nn

_STD = 0.02
"""Of weights that belong to no layer, such as a class token (as CLIP's own code begins)."""


def forget(tower: nn.Module) -> None:
    """Draw all weights anew from torch's global generator: layers as torch makes them."""
    for module in tower.modules():
        reset = getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None))
        if reset is not None:
            reset()
            continue
        for parameter in module.parameters(recurse=False):
            nn.init.normal_(parameter, std=_STD)
