"""An EfficientNet-lite for answers: the same numbers in less than half the time on a CPU.

A batch norm that no longer learns is a multiplication and an addition for each channel, which the
convolution before it can do as well. A convolution of single pixels is one product of matrices, if
the channels of a pixel lie together. Zeros around a picture need not be written where the
convolution can think of them. What comes out cannot be trained.

Shapes:
    F: frames   H W: pixels of a frame   h w: pixels of a feature map   E: channels of the last one
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_eval


class FoldedTower:
    """The layers of a tower as they were when this was made."""

    def __init__(self, tower: Any) -> None:  # noqa: ANN401  # the package's class, untyped
        """Fold a tower of the package efficientnet_lite_pytorch, in evaluation mode."""
        self._layers = [
            _Convolution(tower._conv_stem, tower._bn0),
            *map(_Block, tower._blocks),
            _Convolution(tower._conv_head, tower._bn1),
        ]

    def extract_features(self, frames: Float[Tensor, "F 3 H W"]) -> Float[Tensor, "F E h w"]:
        """Do what the tower's own function of this name does."""
        pictures = frames.permute(0, 2, 3, 1)  # (F, H, W, 3)
        for layer in self._layers:
            pictures = layer(pictures)
        return pictures.permute(0, 3, 1, 2)


class _Block:
    """Widen, look around, narrow; where the size stays, add what came in."""

    def __init__(self, block: Any) -> None:  # noqa: ANN401  # the package's class, untyped
        self._layers = [
            _Convolution(block._depthwise_conv, block._bn1),
            _Convolution(block._project_conv, block._bn2, is_bounded=False),
        ]
        if hasattr(block, "_expand_conv"):
            self._layers.insert(0, _Convolution(block._expand_conv, block._bn0))
        sizes = block._block_args
        same_size = sizes.stride == 1 and sizes.input_filters == sizes.output_filters
        self._adds = block.id_skip and same_size

    def __call__(self, pictures: Float[Tensor, "F h w _"]) -> Float[Tensor, "F h2 w2 _"]:
        changed = pictures
        for layer in self._layers:
            changed = layer(changed)
        return changed.add_(pictures) if self._adds else changed


class _Convolution:
    """A convolution with the batch norm after it, and mostly a bound of 0 and 6 after that."""

    def __init__(
        self, convolution: nn.Conv2d, norm: nn.BatchNorm2d, *, is_bounded: bool = True
    ) -> None:
        fused: Any = fuse_conv_bn_eval(convolution, norm)
        self._bias = fused.bias
        self._stride, self._groups = fused.stride, fused.groups
        self._is_bounded = is_bounded
        self._is_of_single_pixels = fused.kernel_size == (1, 1)
        if self._is_of_single_pixels:
            self._weight = fused.weight.flatten(1)
        else:
            self._weight = fused.weight.contiguous(memory_format=torch.channels_last)
            self._sides = fused.static_padding.padding  # left, right, top, bottom

    def __call__(self, pictures: Float[Tensor, "F h w _"]) -> Float[Tensor, "F h2 w2 _"]:
        if self._is_of_single_pixels:
            convolved = F.linear(pictures, self._weight, self._bias)
        else:
            convolved = self._look_around(pictures.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)
        return F.relu6(convolved, inplace=True) if self._is_bounded else convolved

    def _look_around(self, pictures: Float[Tensor, "F _ h w"]) -> Float[Tensor, "F _ h2 w2"]:
        around = self._sides[0]
        if any(side != around for side in self._sides):
            pictures, around = F.pad(pictures, self._sides), 0
        return F.conv2d(
            pictures, self._weight, self._bias, self._stride, around, groups=self._groups
        )
