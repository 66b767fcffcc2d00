"""A pickle becomes plain values and tensors, and nothing that it names is looked up or run.

A pickle is a program: it names functions and classes and has them called. Here every name becomes
a class that was made for it a moment ago, which stores what it is given and can do nothing; those
of torch's tensors are read off afterwards. So training checkpoints (with their optimizers, numbers
of NumPy and settings of any library) give their weights, and so do TorchScript archives, whose
code is never read.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import torch
from torch import Tensor

_MAGIC = 0x1950A86A20F9469CFC6C
"""Begins what torch saved before version 1.6."""
_MAX_EXPANSION = 100
"""Of a member of a zip archive; torch does not compress tensors."""


def is_torchscript(path: Path) -> bool:
    """Tell a TorchScript archive from the zip that `torch.save` writes."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """Read parameters and buffers of an archive, named as `state_dict` names them.

    Raises:
        pickle.UnpicklingError: the file is no such archive.
    """
    with zipfile.ZipFile(path) as archive:
        unpickled, storages = _read_archive(archive)
        return {name: storages.tensor(record) for name, record in _tensors_of(unpickled)}


def read(path: Path) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read what `torch.save` wrote: dicts are plain, tensors are tensors, other objects `Inert`.

    What optimizers stored is left out.

    Raises:
        pickle.UnpicklingError: the file was not written by torch.
    """
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            unpickled, storages = _read_archive(archive)
            return storages.plain(unpickled)
    with path.open("rb") as file:
        if _Unpickler(file).load() != _MAGIC:
            raise pickle.UnpicklingError("not written by torch.save")
        _, _, unpickled, keys = (_Unpickler(file).load() for _ in range(4))
        return _Storages(_read_sequence(file, unpickled, keys)).plain(unpickled)


class Inert:
    """Stands for anything that a pickle names, and for what it would have been called for."""

    arguments: tuple[object, ...]
    state: object
    items: dict[object, object]

    def __new__(cls, *arguments: object, **_: object) -> Inert:
        """Take any arguments; a pickle may call this alone, without `__init__`."""
        self = super().__new__(cls)
        self.arguments, self.state, self.items = arguments, None, {}
        return self

    def __init__(self, *_: object, **__: object) -> None:
        pass

    def __call__(self, *_: object, **__: object) -> Inert:
        """Take any arguments."""
        return Inert()

    def __setstate__(self, state: object) -> None:
        self.state = state

    def __setitem__(self, key: object, value: object) -> None:
        self.items[key] = value

    def append(self, _: object) -> None:
        """Do nothing; pickles fill lists so."""

    extend = add = append


class _Tensor(Inert):
    """A tensor that is not made yet: storage, offset, size and stride."""


class _Parameter(Inert):
    """A tensor in a shell: a parameter, or a subclass of tensors."""


class _Storage(Inert):
    """Numbers of one type; the type of the storage, or one storage of it."""

    dtype = torch.uint8
    key = ""


_TENSORS = {
    "torch._utils._rebuild_tensor": _Tensor,
    "torch._utils._rebuild_tensor_v2": _Tensor,
    "torch._utils._rebuild_tensor_v3": _Tensor,
    "torch._utils._rebuild_parameter": _Parameter,
    "torch._utils._rebuild_parameter_with_state": _Parameter,
}
_DTYPES = {
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "DoubleStorage": torch.float64,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")
"""Functions of TorchScript whose argument is the list itself."""


class _Unpickler(pickle.Unpickler):
    """Gives every name a class of its own, so that a pickle can change nothing that outlives it."""

    def find_class(self, module: str, name: str) -> object:
        full = f"{module}.{name}"
        if full == "collections.OrderedDict":
            return type("OrderedDict", (dict,), {"__setstate__": lambda self, state: None})
        if module == "torch" and name in _DTYPES:
            return type(name, (_Storage,), {"dtype": _DTYPES[name]})
        if module == "torch.jit._pickle" and name in _LISTS:
            return type(name, (list,), {})
        return type(name, (_TENSORS.get(full, Inert),), {})

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - hostile
        if not (isinstance(pid, tuple) and len(pid) >= 5 and isinstance(pid[2], str)):
            raise pickle.UnpicklingError("names storages in an unknown way")
        kind = pid[1]
        if not (isinstance(kind, type) and issubclass(kind, _Storage)):
            raise pickle.UnpicklingError("names an unknown type of storage")
        storage = kind()
        assert isinstance(storage, _Storage)
        storage.key = pid[2]
        return storage


class _Storages:
    """Makes tensors of their records; each storage is read once."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read
        self._read_before: dict[tuple[str, torch.dtype], Tensor] = {}

    def tensor(self, record: _Tensor) -> Tensor:
        """Make a tensor.

        Raises:
            pickle.UnpicklingError: it is larger than its storage.
        """
        storage, offset, size, stride = record.arguments[:4]
        if not isinstance(storage, _Storage):
            raise pickle.UnpicklingError("a tensor without a storage")
        numbers = self._numbers(storage)
        if math.prod(size) > len(numbers):  # type: ignore[arg-type]  # else `clone` below may be endless
            raise pickle.UnpicklingError("a tensor larger than its storage")
        return numbers.as_strided(size, stride, offset).clone()  # type: ignore[arg-type]

    def plain(self, value: object) -> object:
        """Give dicts, inside dicts as well, with tensors in place of their records."""
        while isinstance(value, _Parameter) and value.arguments:
            value = value.arguments[0]
        if isinstance(value, _Tensor):
            return self.tensor(value)
        if isinstance(value, dict):
            return {
                name: self.plain(each)
                for name, each in value.items()
                if not (isinstance(name, str) and "optim" in name)
            }
        return value

    def _numbers(self, storage: _Storage) -> Tensor:
        place = storage.key, storage.dtype
        if place not in self._read_before:
            content = bytearray(self._read(storage.key))
            self._read_before[place] = (
                torch.frombuffer(content, dtype=storage.dtype)
                if content
                else torch.empty(0, dtype=storage.dtype)
            )
        return self._read_before[place]


def _read_archive(archive: zipfile.ZipFile) -> tuple[Any, _Storages]:
    [pickled] = (
        name for name in archive.namelist() if name.count("/") == 1 and "/data.pkl" in name
    )
    root = pickled.removesuffix("data.pkl")

    def read_member(name: str) -> bytes:
        member = archive.getinfo(name)
        if member.file_size > _MAX_EXPANSION * max(1, member.compress_size):
            raise pickle.UnpicklingError(f"{name} is compressed beyond measure")
        return archive.read(member)

    unpickled = _Unpickler(io.BytesIO(read_member(pickled))).load()
    return unpickled, _Storages(lambda key: read_member(f"{root}data/{key}"))


def _read_sequence(file: BinaryIO, unpickled: object, keys: object) -> Callable[[str], bytes]:
    """Read the storages that lie one after another behind the pickles: a length, then numbers."""
    sizes = {s.key: s.dtype.itemsize for s in _storages_of(unpickled, set())}
    contents: dict[str, bytes] = {}
    for key in keys if isinstance(keys, list) else ():
        length = int.from_bytes(file.read(8), "little")
        if key not in sizes:
            raise pickle.UnpicklingError("holds storages that no tensor names")
        contents[key] = file.read(length * sizes[key])
    return contents.__getitem__


def _storages_of(value: object, seen: set[int]) -> Iterator[_Storage]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, _Storage):
        yield value
    inside: list[object] = []
    if isinstance(value, Inert):
        inside = [*value.arguments, value.state, *value.items.values()]
    elif isinstance(value, Mapping):
        inside = list(value.values())
    elif isinstance(value, list | tuple):
        inside = list(value)
    for each in inside:
        yield from _storages_of(each, seen)


def _tensors_of(module: object, prefix: str = "") -> Iterator[tuple[str, _Tensor]]:
    """List the tensors among the attributes of a TorchScript module, and of those in it."""
    attributes = module.state if isinstance(module, Inert) else None
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        if isinstance(value, _Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, Inert):
            yield from _tensors_of(value, f"{prefix}{name}.")
