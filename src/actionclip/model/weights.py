"""Weight files become tensors with names, and nothing that is written in them is run.

safetensors holds numbers only. A pickle (.pt, .pth, .bin) is a program that builds objects: it is
read by torch's own reader with `weights_only=True`, which builds tensors and refuses all else.
Where it refuses, `pickles` reads the tensors and leaves the rest, running nothing either; a file
that names what only an attack needs is refused as a whole.
"""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from actionclip.model import pickles


def read(path: Path) -> dict[str, Any]:
    """Read what a weight file holds: tensors by name, or the nested dicts of a pickle.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or wants to run code; names the reason.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    with path.open("rb") as file:
        beginning = file.read(_LONGEST_BEGINNING)
    if wrong := next((what for start, what in _NO_WEIGHTS if re.match(start, beginning)), None):
        raise ValueError(f"{path}: {wrong}")
    if zipfile.is_zipfile(path):
        return _read_archive(path)
    has_header = beginning[8:9] == b"{"  # behind its length, as in safetensors of any name
    is_safetensors = has_header or path.suffix == ".safetensors"
    return _read_safetensors(path) if is_safetensors else _read_pickle(path)


_LONGEST_BEGINNING = 64
_NO_WEIGHTS = (
    (rb"$", "is empty; fetch it again"),
    (
        rb"version https://git-lfs",
        "is a pointer of Git LFS in place of the weights; run `git lfs pull`, or download the file",
    ),
    (
        rb"\s*(<!|<\w|<\?xml)",
        "is a web page, such as a download that failed leaves; open it to read why, and fetch the "
        "weights again",
    ),
    (rb'\s*\{\s*"', "is a text (JSON), not weights; give the weight file beside it"),
    (
        rb"\x1f\x8b|7z\xbc\xaf|BZh|\xfd7zXZ|Rar!",
        "is compressed; unpack it, and give what was in it",
    ),
    (
        rb"GGUF|\x89HDF|\x93NUMPY|\x08[\x01-\x1f][\x12:]",
        "holds a model of another library (GGUF, Keras, NumPy or ONNX); give its weights as "
        "safetensors or as a .pt file of PyTorch",
    ),
)
"""How files begin that people take for weights, and the sentence that helps."""


def check(found: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], where: object) -> None:
    """Compare names and shapes of tensors with those of the model they are for.

    Raises:
        ValueError: for missing, extra or wrongly shaped tensors, and those whose numbers are no
            weights: quantized, or not finite. It names them.
    """
    complaints = [
        *_complaint("missing", [name for name in wanted if name not in found]),
        *_complaint("not known to the model", [name for name in found if name not in wanted]),
        *_complaint(
            "of the wrong shape",
            [
                f"{name} {tuple(found[name].shape)} instead of {tuple(shape)}"
                for name, shape in wanted.items()
                if name in found and found[name].shape != shape
            ],
        ),
    ]
    if complaints:
        raise ValueError(
            f"{where}: the weights do not fit the model: {'; '.join(complaints)}; "
            "use the file that the model was saved to"
        )
    for name, tensor in found.items():
        if tensor.dtype == torch.int64 and tensor.ndim == 0:
            continue  # a counter, as batch normalisation has it
        is_dense = tensor.layout == torch.strided and not tensor.is_quantized
        if not (is_dense and tensor.dtype in _DTYPES):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise ValueError(
                f"{where}: {name} has numbers of the type {kind}"
                f"{'' if is_dense else ', sparse or quantized'}; get the model in float32, float16 "
                "or bfloat16"
            )
        if not tensor.sum(dtype=torch.float32).isfinite():
            raise ValueError(
                f"{where}: {name} holds numbers that are infinite or undefined (NaN), as a training"
                " that diverged leaves them; take an earlier checkpoint, or fetch the file again"
            )


_DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def _complaint(what: str, names: list[str]) -> list[str]:
    if not names:
        return []
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [f"{what}: {shown}"]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load_file(path)
    except safetensors.SafetensorError as error:
        raise _damaged(path, error) from error


def _read_archive(path: Path) -> dict[str, Any]:
    """Read a zip archive, as `torch.save` and `torch.jit.save` write it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return _read_pickle(path)  # which names the damage
    if any(name.endswith("archive_format") for name in names):
        raise ValueError(
            f"{path}: is a program of torch.export, not weights; save the model's state_dict "
            "instead"
        )
    if not any(name.endswith("data.pkl") for name in names):
        shown = ", ".join(names[:2]) or "nothing"
        raise ValueError(
            f"{path}: is an archive without weights of PyTorch, it holds {shown}; unpack it, and "
            "give the folder or the weight file that was in it"
        )
    if pickles.is_torchscript(path):
        return dict(_read_inertly(path, ValueError("no archive of torch"), is_script=True))
    return _read_pickle(path)


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an unusual pickle protocol; the error is enough
            with path.open("rb") as file:  # a file, for a path is read by its suffix
                content = torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        content = _read_inertly(path, error, is_script=False)
    except Exception as error:  # a damaged pickle can fail in any way
        raise _damaged(path, error) from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a dict of weights")
    return dict(content)


def _read_inertly(path: Path, refusal: Exception, *, is_script: bool) -> Mapping[str, Any]:
    """Read the tensors of what torch's own reader refuses; a script may name nothing but them."""
    names: list[str] = []
    try:
        content = pickles.read(path, names)
    except Exception as error:  # a damaged pickle can fail in any way
        raise _refused(path, names, refusal) from error
    is_refused = any(map(_is_attack, names)) or (is_script and _beside_weights(names))
    if is_refused or not isinstance(content, Mapping) or not _has_tensors(content):
        raise _refused(path, names, refusal) from refusal
    return content


def _has_tensors(content: Mapping[str, Any]) -> bool:
    return any(
        isinstance(each, Tensor) or (isinstance(each, Mapping) and _has_tensors(each))
        for each in content.values()
    )


def _is_attack(name: str) -> bool:
    """Whether a name is of what no checkpoint needs: processes, files, network, running code."""
    module, _, function = name.rpartition(".")
    if module in ("builtins", "__builtin__"):
        return function in _ATTACK_BUILTINS
    return module.split(".")[0] in _ATTACK_MODULES


_ATTACK_MODULES = {
    *("os", "posix", "nt", "subprocess", "sys", "pty", "shutil", "socket", "runpy", "importlib"),
    *("ctypes", "webbrowser", "commands", "code", "codeop", "pickle", "_pickle", "marshal"),
}
_ATTACK_BUILTINS = {
    *("eval", "exec", "execfile", "compile", "open", "__import__", "input", "breakpoint"),
}


def _beside_weights(names: Sequence[str]) -> list[str]:
    """List what weights do not need, attacks first, the parts of torch last."""
    wanted = [name for name in names if not _HARMLESS.fullmatch(name)]
    return sorted(wanted, key=lambda name: (not _is_attack(name), name.startswith("torch.")))


_HARMLESS = re.compile(
    r"torch\.jit\._pickle\.\w+|collections\.OrderedDict|_codecs\.encode|(__builtin__|builtins)\.(set|list|dict)|"
    r"torch\._utils\.\w+|torch\.\w+|__torch__\..*"
)


def _refused(path: Path, names: Sequence[str], error: Exception) -> ValueError:
    """Name what the pickle names and weights do not need."""
    wanted = _beside_weights(names)
    if not wanted:
        return _damaged(path, error)
    return ValueError(
        f"{path}: refused, and nothing of it was run: the file wants to use {wanted[0]}, and "
        "weights need no code; get them as safetensors, or ask who made the file for a plain dict "
        "of tensors"
    )


def _damaged(path: Path, error: Exception) -> ValueError:
    with path.open("rb") as file:
        beginning = file.read(_LONGEST_BEGINNING)
    if not re.match(rb"\x80|PK|.{8}\{", beginning, re.DOTALL):  # a pickle, zip, safetensors
        return ValueError(
            f"{path}: is no file of weights; give the folder of a model, or a .safetensors, .pt, "
            ".pth or .bin file"
        )
    reason = str(error).split(". ")[0].splitlines()[0] if str(error) else "it ends too early"
    return ValueError(f"{path}: cut off or damaged; fetch it again ({reason})")
