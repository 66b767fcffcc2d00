"""A convolutional tower without its batch norms: the same answers with fewer passes over memory.

A batch norm that no longer learns is a multiplication and an addition for each channel, which the
convolution before it can do as well. For answers only: what comes out cannot be trained.
"""

from __future__ import annotations

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

_PAIRS_OF_A_BLOCK = (
    ("_expand_conv", "_bn0"),
    ("_depthwise_conv", "_bn1"),
    ("_project_conv", "_bn2"),
)
_PAIRS = (("_conv_stem", "_bn0"), ("_conv_head", "_bn1"))


def fold(tower: nn.Module) -> nn.Module:
    """Copy an EfficientNet-lite, its batch norms folded into the convolutions before them.

    Args:
        tower: of the package efficientnet_lite_pytorch, in evaluation mode.
    """
    folded = copy.deepcopy(tower)
    for module in folded.modules():
        if isinstance(module, nn.ReLU6):
            module.inplace = True
        is_whole = module is folded
        for convolution, norm in _PAIRS if is_whole else _PAIRS_OF_A_BLOCK:
            if hasattr(module, convolution):
                fused = fuse_conv_bn_eval(getattr(module, convolution), getattr(module, norm))
                setattr(module, convolution, fused)
                setattr(module, norm, nn.Identity())
    return folded
