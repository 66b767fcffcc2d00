"""Weight files become tensors with names, and nothing that is written in them is run.

safetensors holds numbers only. A pickle (.pt, .pth, .bin) is a program that builds objects: it is
read by torch's own reader with `weights_only=True`, which builds tensors and refuses all else, and
there is no second try without it. `torchscript` reads the archives that OpenAI published CLIP in.
Knows no models.
"""

from __future__ import annotations

import io
import pickle
import pickletools
import re
import warnings
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from actionclip.model import torchscript


def read(path: Path) -> dict[str, Any]:
    """Read what a weight file holds: tensors by name, or the nested dicts of a pickle.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is damaged, or wants to run code; says what.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    return _read_torchscript(path) if torchscript.is_archive(path) else _read_pickle(path)


def check(found: Mapping[str, Tensor], wanted: Mapping[str, torch.Size], where: object) -> None:
    """Compare names and shapes of tensors with those of the model they are for.

    Raises:
        ValueError: for missing, extra or wrongly shaped tensors, which it names.
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


def _read_pickle(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of an unusual pickle protocol; the error tells more
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise _refusal(path, _pickle_of(path), error) from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise _damaged(path, error) from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: holds a {type(content).__name__}, not a dict of weights")
    return dict(content)


def _read_torchscript(path: Path) -> dict[str, Tensor]:
    try:
        return torchscript.read(path)
    except pickle.UnpicklingError as error:
        raise _refusal(path, _pickle_of(path), error) from error
    except Exception as error:  # a damaged pickle can fail in any way
        raise _damaged(path, error) from error


def _pickle_of(path: Path) -> bytes:
    """Give the pickle itself, which torch has kept in a zip archive since version 1.6."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as archive:
        return archive.read(next(n for n in archive.namelist() if n.endswith("data.pkl")))


def _refusal(path: Path, pickled: bytes, error: Exception) -> ValueError:
    """Say what the pickle wanted to have called; it is only looked at for that."""
    wanted = [name for name in _names_in(pickled) if not _HARMLESS.fullmatch(name)]
    wanted.sort(key=lambda name: name.startswith("torch."))  # the strangest first
    if not wanted:
        return _damaged(path, error)
    return ValueError(
        f"{path}: refused, and nothing of it was run: the file wants to use {wanted[0]}, and "
        "weights need no code; get them as safetensors, or ask who made the file for a plain dict "
        "of tensors"
    )


_HARMLESS = re.compile(
    r"collections\.OrderedDict|_codecs\.encode|(__builtin__|builtins)\.(set|list|dict)|"
    r"torch\._utils\.\w+|torch\.\w+|__torch__\..*"
)


def _names_in(pickled: bytes) -> Iterator[str]:
    """List the functions and classes that pickles name, without building anything."""
    file = io.BytesIO(pickled)
    strings: list[str] = []
    while file.tell() < len(pickled):
        try:
            for opcode, argument, _ in pickletools.genops(file):
                if opcode.name == "GLOBAL":
                    yield str(argument).replace(" ", ".")
                elif opcode.name == "STACK_GLOBAL":
                    yield ".".join(strings[-2:])
                elif isinstance(argument, str):
                    strings.append(argument)
        except ValueError:  # what follows is no pickle
            return


def _damaged(path: Path, error: Exception) -> ValueError:
    reason = str(error).split(". ")[0].splitlines()[0] if str(error) else "it ends too early"
    return ValueError(f"{path}: cut off or damaged, or no weight file; fetch it again ({reason})")
