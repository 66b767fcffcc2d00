"""A TorchScript archive becomes the tensors in it, and its code is never looked at.

OpenAI published CLIP as such archives: a zip that holds the code of a model, a pickle of its
objects and the bytes of its tensors. `torch.jit.load` compiles that code, and torch's own
`weights_only` reader does not take such archives. Here the pickle alone is read, by an unpickler
that can build tensors, and empty shells in place of the archive's classes, and nothing else.
"""

from __future__ import annotations

import collections
import io
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor


def is_archive(path: Path) -> bool:
    """Tell a TorchScript archive from the zip that `torch.save` writes."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read(path: Path) -> dict[str, Tensor]:
    """Read parameters and buffers, named as `state_dict` names them.

    Raises:
        pickle.UnpicklingError: the pickle asks for something that is neither tensor nor shell.
    """
    with zipfile.ZipFile(path) as archive:
        root = archive.namelist()[0].split("/", 1)[0]
        pickled = io.BytesIO(archive.read(f"{root}/data.pkl"))
        module = _Unpickler(pickled, lambda key: archive.read(f"{root}/data/{key}")).load()
    return dict(_tensors_of(module))


class _Shell:
    """Stands for any class that the archive defines: it keeps attributes and can do nothing."""

    attributes: Mapping[str, object]

    def __setstate__(self, attributes: Mapping[str, object]) -> None:
        self.attributes = attributes


def _tensors_of(module: _Shell, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    for name, value in module.attributes.items():
        if isinstance(value, Tensor):
            yield prefix + name, value
        elif isinstance(value, _Shell):
            yield from _tensors_of(value, f"{prefix}{name}.")


def _rebuild_tensor(
    storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *_: object
) -> Tensor:
    return storage.as_strided(size, stride, offset).clone()


_KNOWN = {
    "torch._utils._rebuild_tensor_v2": _rebuild_tensor,
    "collections.OrderedDict": collections.OrderedDict,
    "torch.jit._pickle.build_intlist": list,
    "torch.jit._pickle.build_doublelist": list,
    "torch.jit._pickle.build_boollist": list,
    "torch.jit._pickle.build_tensorlist": list,
    "torch.FloatStorage": torch.float32,
    "torch.HalfStorage": torch.float16,
    "torch.BFloat16Storage": torch.bfloat16,
    "torch.DoubleStorage": torch.float64,
    "torch.LongStorage": torch.int64,
    "torch.IntStorage": torch.int32,
    "torch.BoolStorage": torch.bool,
}
"""All that the pickle may name, besides the archive's own classes, and what it gets for it."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, read_storage: Callable[[str], bytes]) -> None:
        super().__init__(file)
        self._read_storage = read_storage

    def find_class(self, module: str, name: str) -> object:
        if module.startswith("__torch__"):
            return _Shell
        if f"{module}.{name}" in _KNOWN:
            return _KNOWN[f"{module}.{name}"]
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, pid: tuple[str, torch.dtype, str, str, int]) -> Tensor:
        _, dtype, key, _, _ = pid
        content = bytearray(self._read_storage(key))
        return torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
