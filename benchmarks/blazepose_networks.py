"""Convert BlazePose's two TFLite networks to the ONNX files of `model/encoders/blazepose_data`.

Takes them out of the wheel `mediapipe==0.10.14`, which is downloaded and unzipped, not installed.
In an environment of its own:

    pip install numpy==2.4.6 onnx==1.23.2 protobuf==7.36.2 tflite==2.18.0 flatbuffers==25.12.19
    pip download --no-deps --only-binary=:all: --platform manylinux_2_17_x86_64 \
        --python-version 311 mediapipe==0.10.14
    python benchmarks/blazepose_networks.py mediapipe-0.10.14-*.whl

Weights stay in fp16, as in the source; ONNX Runtime widens them once, when it loads a file. Frames
come in as uint8 (B, H, W, 3), RGB. The segmentation branch is left out: nothing reads it, and it
computes at the full size. The detector is sparse, so it is compressed. Run again, the script writes
the same bytes.
"""

# ruff: noqa: ANN401  # the generated classes of `tflite` are untyped

from __future__ import annotations

import gzip
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

FOLDER = Path(__file__).parents[1] / "src/actionclip/model/encoders/blazepose_data"
_OPERATORS = helper.make_opsetid("", 17)
_FILE_VERSION = 8
_SAME, _VALID = 0, 1  # tflite.Padding
_RELU6 = 3  # tflite.ActivationFunctionType

NETWORKS = {
    "detector.onnx.gz": (
        "mediapipe/modules/pose_detection/pose_detection.tflite",
        {"Identity": "boxes", "Identity_1": "scores"},
        (2 / 255, -1.0),
    ),
    "landmarks.onnx": (
        "mediapipe/modules/pose_landmark/pose_landmark_full.tflite",
        {
            "Identity": "landmarks",
            "Identity_1": "presence",
            "Identity_3": "heatmaps",
            "Identity_4": "world_landmarks",
        },
        (1 / 255, 0.0),
    ),
}
"""File: (its source in the wheel, its outputs there and here, scale and offset of pixel values)."""


class _Converter:
    """One TFLite graph, NHWC, as an ONNX graph, NCHW inside."""

    def __init__(self, source: bytes, outputs: dict[str, str], pixels: tuple[float, float]) -> None:
        import tflite  # pyright: ignore[reportMissingImports]  # in the script's own environment

        self._tflite = tflite
        self._model = tflite.Model.GetRootAsModel(source, 0)
        self._graph = self._model.Subgraphs(0)
        self._nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._names: dict[int, str] = {}  # of computed tensors
        self._constants: dict[int, np.ndarray] = {}
        self._pads: dict[int, tuple[int, np.ndarray]] = {}  # padded tensor: (its source, pads)
        (entering,) = self._graph.InputsAsNumpy()
        self._size = int(self._shape(entering)[1])
        self._wanted = {
            int(each): outputs[name]
            for each in self._graph.OutputsAsNumpy()
            if (name := self._graph.Tensors(each).Name().decode()) in outputs
        }
        self._names[int(entering)] = self._read_pixels(*pixels)

    def convert(self) -> ModelProto:
        """Convert the operators that the wanted outputs need."""
        operators = [self._graph.Operators(k) for k in range(self._graph.OperatorsLength())]
        for operator in self._needed(operators):
            code = self._model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
            name = self._tflite.opcode2name(code)
            inputs = [int(each) for each in operator.InputsAsNumpy()]
            getattr(self, f"_convert_{name.lower()}")(operator, inputs, int(operator.Outputs(0)))
        outputs = []
        for tensor, name in self._wanted.items():
            self._channels_last(tensor, name)
            shape = ["B", *map(int, self._shape(tensor)[1:])]
            outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))
        frames = helper.make_tensor_value_info(
            "frames", TensorProto.UINT8, ["B", self._size, self._size, 3]
        )
        graph = helper.make_graph(self._nodes, "blazepose", [frames], outputs, self._weights)
        return helper.make_model(graph, opset_imports=[_OPERATORS], ir_version=_FILE_VERSION)

    def _needed(self, operators: list[Any]) -> list[Any]:
        """Drop what computes other outputs."""
        tensors, needed = set(self._wanted), []
        for operator in reversed(operators):
            if tensors.intersection(map(int, operator.OutputsAsNumpy())):
                tensors.update(map(int, operator.InputsAsNumpy()))
                needed.append(operator)
        return needed[::-1]

    def _read_pixels(self, scale: float, offset: float) -> str:
        floats = self._add("Cast", "frames", to=TensorProto.FLOAT)
        channels_first = self._add("Transpose", floats, perm=(0, 3, 1, 2))
        scaled = self._add("Mul", channels_first, self._store(np.float32(scale)))
        return self._add("Add", scaled, self._store(np.float32(offset)))

    # One method for each TFLite operator: (operator, input tensors, output tensor).

    def _convert_dequantize(self, _: Any, inputs: list[int], output: int) -> None:
        self._constants[output] = self._constant(inputs[0])

    _convert_densify = _convert_dequantize

    def _convert_pad(self, _: Any, inputs: list[int], output: int) -> None:
        self._pads[output] = (inputs[0], self._constant(inputs[1]))

    def _convert_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.Conv2DOptions())
        kernel = self._constant(inputs[1]).transpose(0, 3, 1, 2)  # from O H W I
        self._convolve(options, inputs, output, kernel, groups=1)

    def _convert_depthwise_conv_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.DepthwiseConv2DOptions())
        kernel = self._constant(inputs[1]).transpose(3, 0, 1, 2)  # from 1 H W C
        self._convolve(options, inputs, output, kernel, groups=len(kernel))

    def _convolve(
        self, options: Any, inputs: list[int], output: int, kernel: np.ndarray, groups: int
    ) -> None:
        source, pads = self._padding(options, inputs[0], kernel.shape[2:])
        convolved = self._add(
            "Conv",
            self._names[source],
            self._widened(kernel),
            self._widened(self._constant(inputs[2])),
            strides=(options.StrideH(), options.StrideW()),
            group=groups,
            pads=pads,
        )
        self._names[output] = self._activate(convolved, options)

    def _convert_max_pool_2d(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.Pool2DOptions())
        sides = (options.FilterHeight(), options.FilterWidth())
        source, pads = self._padding(options, inputs[0], sides)
        strides = (options.StrideH(), options.StrideW())
        self._names[output] = self._add(
            "MaxPool", self._names[source], kernel_shape=sides, strides=strides, pads=pads
        )

    def _convert_add(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.AddOptions())
        total = self._add("Add", *(self._names[each] for each in inputs))
        self._names[output] = self._activate(total, options)

    def _convert_resize_bilinear(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.ResizeBilinearOptions())
        assert options.HalfPixelCenters()
        assert not options.AlignCorners()
        factors = self._shape(output)[1:3] / self._shape(inputs[0])[1:3]
        scales = self._store(np.array([1, 1, *factors], np.float32))
        self._names[output] = self._add(
            "Resize",
            self._names[inputs[0]],
            "",
            scales,
            mode="linear",
            coordinate_transformation_mode="half_pixel",
        )

    def _convert_depth_to_space(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.DepthToSpaceOptions())
        self._names[output] = self._add(
            "DepthToSpace", self._names[inputs[0]], blocksize=options.BlockSize(), mode="DCR"
        )

    def _convert_logistic(self, _: Any, inputs: list[int], output: int) -> None:
        self._names[output] = self._add("Sigmoid", self._names[inputs[0]])

    def _convert_reshape(self, _: Any, inputs: list[int], output: int) -> None:
        shape = self._store(np.array([0, *self._shape(output)[1:]], np.int64))
        self._names[output] = self._add("Reshape", self._channels_last(inputs[0]), shape)

    def _convert_concatenation(self, operator: Any, inputs: list[int], output: int) -> None:
        options = self._options(operator, self._tflite.ConcatenationOptions())
        names = [self._names[each] for each in inputs]
        self._names[output] = self._add("Concat", *names, axis=options.Axis())

    # What they share.

    def _padding(
        self, options: Any, source: int, sides: tuple[int, ...]
    ) -> tuple[int, tuple[int, ...]]:
        """Give an input without its padding, and that padding as ONNX writes it."""
        if options.Padding() == _VALID:
            source, pads = self._pads.get(source, (source, np.zeros((4, 2), int)))
            return source, tuple(int(each) for each in pads[1:3].T.flatten())
        assert options.Padding() == _SAME
        assert source not in self._pads
        strides = (options.StrideH(), options.StrideW())
        sizes = self._shape(source)[1:3]
        missing = [
            max((-(-int(size) // stride) - 1) * stride + side - int(size), 0)
            for size, stride, side in zip(sizes, strides, sides, strict=True)
        ]
        return source, (*(each // 2 for each in missing), *(each - each // 2 for each in missing))

    def _activate(self, name: str, options: Any) -> str:
        if options.FusedActivationFunction() != _RELU6:
            assert options.FusedActivationFunction() == 0
            return name
        return self._add("Clip", name, *(self._store(np.float32(bound)) for bound in (0, 6)))

    def _channels_last(self, tensor: int, name: str | None = None) -> str:
        if len(self._shape(tensor)) == 4:
            return self._add("Transpose", self._names[tensor], perm=(0, 2, 3, 1), name=name)
        return self._add("Identity", self._names[tensor], name=name)

    def _options(self, operator: Any, options: Any) -> Any:
        table = operator.BuiltinOptions()
        options.Init(table.Bytes, table.Pos)
        return options

    def _shape(self, tensor: int) -> np.ndarray:
        return self._graph.Tensors(tensor).ShapeAsNumpy()

    def _constant(self, tensor: int) -> np.ndarray:
        """Read a stored tensor, dense or as rows of a sparse matrix."""
        if tensor in self._constants:
            return self._constants[tensor]
        stored = self._graph.Tensors(tensor)
        dtype = {0: np.float32, 1: np.float16, 2: np.int32}[stored.Type()]
        values = self._model.Buffers(stored.Buffer()).DataAsNumpy().view(dtype)
        if stored.Sparsity() is None:
            return values.reshape(stored.ShapeAsNumpy())
        *outer, last = stored.ShapeAsNumpy()
        columns = stored.Sparsity().DimMetadata(len(outer))
        starts = self._indices(columns.ArraySegmentsType(), columns.ArraySegments())
        places = self._indices(columns.ArrayIndicesType(), columns.ArrayIndices())
        dense = np.zeros((int(np.prod(outer)), last), dtype)
        dense[np.repeat(np.arange(len(dense)), np.diff(starts)), places] = values[: len(places)]
        return dense.reshape(*outer, last)

    def _indices(self, kind: int, table: Any) -> np.ndarray:
        vectors = (self._tflite.Int32Vector, self._tflite.Uint16Vector, self._tflite.Uint8Vector)
        vector = vectors[kind - 1]()
        vector.Init(table.Bytes, table.Pos)
        return vector.ValuesAsNumpy().astype(np.int64)

    def _add(self, operator: str, *inputs: str, name: str | None = None, **attributes: Any) -> str:
        name = name or f"{operator}{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], name, **attributes))
        return name

    def _store(self, value: np.ndarray | np.floating) -> str:
        name = f"weight{len(self._weights)}"
        self._weights.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def _widened(self, weight: np.ndarray) -> str:
        stored = self._store(weight.astype(np.float16))
        return self._add("Cast", stored, to=TensorProto.FLOAT)


def main(wheel: Path) -> None:
    """Write both networks into the package."""
    with zipfile.ZipFile(wheel) as archive:
        for file, (member, outputs, pixels) in NETWORKS.items():
            network = _Converter(archive.read(member), outputs, pixels).convert()
            written = network.SerializeToString(deterministic=True)
            if file.endswith(".gz"):
                written = gzip.compress(written, mtime=0)
            (FOLDER / file).write_bytes(written)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
