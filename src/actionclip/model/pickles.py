"""A pickle becomes plain values and tensors, and nothing that it names is looked up or run.

torch's own reader (`weights_only=True`) comes first; this one is for what it refuses: training
checkpoints, with their optimizers and settings of any library, and TorchScript archives, whose code
is never read. Every name becomes a class made for it a moment ago, which stores what it is called
with and can do nothing; only those of torch's tensors make tensors.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_MAGIC = 0x1950A86A20F9469CFC6C
"""Begins what torch saved before version 1.6."""
_MAX_EXPANSION = 100
"""Of a member of a zip archive; torch does not compress tensors."""
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
_TENSORS = frozenset(f"torch._utils._rebuild_{n}" for n in ("tensor", "tensor_v2", "tensor_v3"))
_PARAMETERS = frozenset(f"torch._utils._rebuild_{n}" for n in ("parameter", "parameter_with_state"))
_LISTS = ("build_intlist", "build_doublelist", "build_boollist", "build_tensorlist")
"""Functions of TorchScript whose argument is the list itself."""


class Inert:
    """Stands for anything that a pickle names, and for the result of calling it."""

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
    numbers: Tensor | None = None
    """Once they are read."""


class _Unpickler(pickle.Unpickler):
    """Gives every name a class of its own, so that a pickle can change nothing that outlives it."""

    def __init__(self, file: io.BufferedIOBase, names: list[str]) -> None:
        super().__init__(file)
        self.names = names
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> object:
        full = f"{module}.{name}"
        self.names.append(full)
        if full == "collections.OrderedDict":
            return type("OrderedDict", (dict,), {"__setstate__": lambda self, state: None})
        if module == "torch" and name in _DTYPES:
            return type(name, (_Storage,), {"dtype": _DTYPES[name]})
        if module == "torch.jit._pickle" and name in _LISTS:
            return type(name, (list,), {})
        base = _Tensor if full in _TENSORS else _Parameter if full in _PARAMETERS else Inert
        return type(name, (base,), {})

    def persistent_load(self, pid: Any) -> _Storage:  # noqa: ANN401 - hostile
        if not (isinstance(pid, tuple) and len(pid) >= 5 and isinstance(pid[2], str)):
            raise pickle.UnpicklingError("names storages in an unknown way")
        _, kind, key, *_ = pid
        if not (isinstance(kind, type) and issubclass(kind, _Storage)):
            raise pickle.UnpicklingError("names an unknown type of storage")
        storage = self.storages.get(key)
        if storage is None or storage.dtype != kind.dtype:
            storage = kind()
            assert isinstance(storage, _Storage)
            storage.key = key
            self.storages[key] = storage
        return storage


def is_torchscript(path: Path) -> bool:
    """Tell a TorchScript archive from the zip that `torch.save` writes."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def read(path: Path, names: list[str]) -> Any:  # noqa: ANN401 - whatever the file holds
    """Read a file of torch: dicts are plain, tensors are tensors, other objects `Inert`.

    Args:
        path: what `torch.save` wrote, without what optimizers stored; or a TorchScript archive,
            which gives its `state_dict`.
        names: every function and class that the pickle names is appended, also when it is damaged.

    Raises:
        pickle.UnpicklingError: the file was not written by torch.
    """
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            return _read_sequence(file, names)
    with zipfile.ZipFile(path) as archive:
        [pickled] = (n for n in archive.namelist() if n.count("/") == 1 and "/data.pkl" in n)
        root = pickled.removesuffix("data.pkl")

        def read_member(name: str) -> bytes:
            member = archive.getinfo(name)
            if member.file_size > _MAX_EXPANSION * max(1, member.compress_size):
                raise pickle.UnpicklingError(f"{name} is compressed beyond measure")
            return archive.read(member)

        def read_storage(storage: _Storage) -> bytes:
            return read_member(f"{root}data/{storage.key}")

        content = _Unpickler(io.BytesIO(read_member(pickled)), names).load()
        if f"{root}constants.pkl" in archive.namelist():
            return {name: _tensor(each, read_storage) for name, each in _tensors_of(content)}
        return _plain(content, read_storage)


def _read_sequence(file: io.BufferedIOBase, names: list[str]) -> Any:  # noqa: ANN401
    """Read a file from before torch 1.6: after the pickles, each storage's length and numbers."""
    if _Unpickler(file, names).load() != _MAGIC:
        raise pickle.UnpicklingError("not written by torch.save")
    _Unpickler(file, names).load()  # the version
    _Unpickler(file, names).load()  # the byte order
    unpickler = _Unpickler(file, names)
    content = unpickler.load()
    contents: dict[str, bytes] = {}
    for key in _Unpickler(file, names).load():
        if key not in unpickler.storages:
            raise pickle.UnpicklingError("holds storages that no tensor names")
        length = int.from_bytes(file.read(8), "little")
        contents[key] = file.read(length * unpickler.storages[key].dtype.itemsize)
    return _plain(content, lambda storage: contents[storage.key])


def _plain(value: object, read_storage: Callable[[_Storage], bytes]) -> object:
    """Return dicts, inside dicts as well, with tensors in place of their records."""
    while isinstance(value, _Parameter) and value.arguments:
        value = value.arguments[0]
    if isinstance(value, _Tensor):
        return _tensor(value, read_storage)
    if isinstance(value, dict):
        return {
            name: _plain(each, read_storage)
            for name, each in value.items()
            if not (isinstance(name, str) and "optim" in name)
        }
    return value


def _tensor(record: _Tensor, read_storage: Callable[[_Storage], bytes]) -> Tensor:
    storage, offset, size, stride = record.arguments[:4]
    if not isinstance(storage, _Storage):
        raise pickle.UnpicklingError("a tensor without a storage")
    if storage.numbers is None:
        content, empty = bytearray(read_storage(storage)), torch.empty(0, dtype=storage.dtype)
        storage.numbers = torch.frombuffer(content, dtype=storage.dtype) if content else empty
    if math.prod(size) > len(storage.numbers):  # type: ignore[arg-type]  # `clone` may be endless
        raise pickle.UnpicklingError("a tensor larger than its storage")
    return storage.numbers.as_strided(size, stride, offset).clone()  # type: ignore[arg-type]


def _tensors_of(module: object, prefix: str = "") -> Iterator[tuple[str, _Tensor]]:
    """List the tensors among the attributes of a TorchScript module, and of those in it."""
    attributes = module.state if isinstance(module, Inert) else None
    for name, value in attributes.items() if isinstance(attributes, dict) else ():
        if isinstance(value, _Tensor):
            yield f"{prefix}{name}", value
        elif isinstance(value, Inert):
            yield from _tensors_of(value, f"{prefix}{name}.")
