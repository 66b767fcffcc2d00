"""An EfficientNet-lite for inference on a CPU: its layers as a graph that ONNX Runtime computes.

ONNX Runtime takes batch norms and bounds into the convolutions before them, lays channels out as
the processor multiplies them, and keeps the memory of one layer for the next. The numbers are
those of torch, up to rounding. What comes out cannot be trained.

Shapes:
    F: frames   H W: pixels of a frame   E: channels of the last feature map
"""

from __future__ import annotations

from typing import Any

import onnxruntime  # with its telemetry off, see actionclip/__init__
import torch
from jaxtyping import Float
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper
from torch import Tensor

from actionclip.model import devices

_OPERATORS = helper.make_opsetid("", 17)
_FILE_VERSION = 8
"""Of the year of those operators (2022), so that no later ONNX Runtime is asked for."""


class OnnxTower:
    """The weights of a tower as they were when this was made."""

    def __init__(self, tower: Any) -> None:  # noqa: ANN401  # the package's class, untyped
        """Take over a tower of the package efficientnet_lite_pytorch, in fp32."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # frames are parallel instead, which is faster
        self._session = onnxruntime.InferenceSession(
            _Graph(tower).model().SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, frames: Float[Tensor, "F 3 H W"]) -> Float[Tensor, "F E"]:
        """Return the mean of each frame's last feature map."""
        each = frames.contiguous().split(1)  # one at a time stays in the processor's cache
        return torch.cat(list(devices.parallel_map(self._run_frame, each, frames.device)))

    def _run_frame(self, frame: Float[Tensor, "1 3 H W"]) -> Float[Tensor, "1 E"]:
        (pooled,) = self._session.run(None, {"frame": frame.numpy()})
        return torch.from_numpy(pooled)


class _Graph:
    """Grows layer by layer; a layer is known by the name of what comes out of it."""

    def __init__(self, tower: Any) -> None:  # noqa: ANN401  # the package's class, untyped
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._bounds = [self._keep(torch.tensor(bound)) for bound in (0.0, 6.0)]
        features = self._bound(self._convolve("frame", tower._conv_stem, tower._bn0))
        for block in tower._blocks:
            features = self._block(features, block)
        features = self._bound(self._convolve(features, tower._conv_head, tower._bn1))
        pooled = self._add("GlobalAveragePool", features)
        self._pooled = self._add("Flatten", pooled)

    def model(self) -> ModelProto:
        """Close the graph: a frame goes in, its pooled features come out."""
        frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, "H", "W"])
        pooled = helper.make_tensor_value_info(self._pooled, TensorProto.FLOAT, [1, "E"])
        graph = helper.make_graph(self._nodes, "tower", [frame], [pooled], self._weights)
        return helper.make_model(graph, opset_imports=[_OPERATORS], ir_version=_FILE_VERSION)

    def _block(self, entering: str, block: Any) -> str:  # noqa: ANN401
        """Widen, look around, narrow; where the size stays, add what came in."""
        features = entering
        if hasattr(block, "_expand_conv"):
            features = self._bound(self._convolve(features, block._expand_conv, block._bn0))
        features = self._bound(self._convolve(features, block._depthwise_conv, block._bn1))
        features = self._convolve(features, block._project_conv, block._bn2)
        sizes = block._block_args
        same_size = sizes.stride == 1 and sizes.input_filters == sizes.output_filters
        return self._add("Add", features, entering) if block.id_skip and same_size else features

    def _convolve(self, entering: str, convolution: Any, norm: Any) -> str:  # noqa: ANN401
        left, right, top, bottom = getattr(convolution.static_padding, "padding", (0, 0, 0, 0))
        convolved = self._add(
            "Conv",
            entering,
            self._keep(convolution.weight),
            strides=convolution.stride,
            group=convolution.groups,
            pads=(top, left, bottom, right),
        )
        parameters = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        kept = map(self._keep, parameters)
        return self._add("BatchNormalization", convolved, *kept, epsilon=norm.eps)

    def _bound(self, entering: str) -> str:
        return self._add("Clip", entering, *self._bounds)

    def _add(self, operator: str, *entering: str, **attributes: Any) -> str:  # noqa: ANN401
        name = f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, entering, [name], name, **attributes))
        return name

    def _keep(self, weight: Tensor) -> str:
        name = f"weight{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(weight.detach().contiguous().numpy(), name))
        return name
