"""An EfficientNet-lite for inference on a CPU: its layers as a graph that ONNX Runtime computes.

ONNX Runtime fuses batch norms and bounds into the convolutions before them, lays channels out as
the processor multiplies them, and reuses memory between layers. The numbers are those of torch, up
to rounding; there are no gradients.

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
"""Of the year of those operators (2022), so that an older ONNX Runtime is enough."""


class OnnxTower:
    """Computes with the weights that a tower had when this was made."""

    def __init__(self, tower: Any) -> None:  # noqa: ANN401  # the package's class, untyped
        """Convert a tower of the package efficientnet_lite_pytorch, in fp32."""
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
    """Grows layer by layer; a layer is known by the name of its output."""

    def __init__(self, tower: Any) -> None:  # noqa: ANN401  # the package's class, untyped
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._bounds = [self._weight(torch.tensor(bound)) for bound in (0.0, 6.0)]
        features = self._bound(self._convolve("frame", tower._conv_stem, tower._bn0))
        for block in tower._blocks:
            features = self._block(features, block)
        features = self._bound(self._convolve(features, tower._conv_head, tower._bn1))
        pooled = self._add("GlobalAveragePool", features)
        self._pooled = self._add("Flatten", pooled)

    def model(self) -> ModelProto:
        """Return the graph from a frame to its pooled features."""
        frame = helper.make_tensor_value_info("frame", TensorProto.FLOAT, [1, 3, "H", "W"])
        pooled = helper.make_tensor_value_info(self._pooled, TensorProto.FLOAT, [1, "E"])
        graph = helper.make_graph(self._nodes, "tower", [frame], [pooled], self._weights)
        return helper.make_model(graph, opset_imports=[_OPERATORS], ir_version=_FILE_VERSION)

    def _block(self, entry: str, block: Any) -> str:  # noqa: ANN401
        """Expand, convolve each channel, project; add the input where its size is the same."""
        features = entry
        if hasattr(block, "_expand_conv"):
            features = self._bound(self._convolve(features, block._expand_conv, block._bn0))
        features = self._bound(self._convolve(features, block._depthwise_conv, block._bn1))
        features = self._convolve(features, block._project_conv, block._bn2)
        sizes = block._block_args
        same_size = sizes.stride == 1 and sizes.input_filters == sizes.output_filters
        return self._add("Add", features, entry) if block.id_skip and same_size else features

    def _convolve(self, entry: str, convolution: Any, norm: Any) -> str:  # noqa: ANN401
        left, right, top, bottom = getattr(convolution.static_padding, "padding", (0, 0, 0, 0))
        convolved = self._add(
            "Conv",
            entry,
            self._weight(convolution.weight),
            strides=convolution.stride,
            group=convolution.groups,
            pads=(top, left, bottom, right),
        )
        parameters = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
        names = map(self._weight, parameters)
        return self._add("BatchNormalization", convolved, *names, epsilon=norm.eps)

    def _bound(self, entry: str) -> str:
        return self._add("Clip", entry, *self._bounds)

    def _add(self, operator: str, *entry: str, **attributes: Any) -> str:  # noqa: ANN401
        name = f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, entry, [name], name, **attributes))
        return name

    def _weight(self, weight: Tensor) -> str:
        name = f"weight{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(weight.detach().contiguous().numpy(), name))
        return name
