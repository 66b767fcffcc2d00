"""Training checkpoints of other libraries give their weights, and nothing in any file is run."""

import argparse
import collections
import os
import pickle
import struct
import sys
import types
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from actionclip.model import pickles, weights


@pytest.fixture
def history_buffer(monkeypatch):
    """A class like mmengine's, which is not installed when the file is read."""
    module = types.ModuleType("foreign_engine")

    class HistoryBuffer:
        def __init__(self, history: np.ndarray) -> None:
            self.history = history

    HistoryBuffer.__module__, HistoryBuffer.__qualname__ = module.__name__, "HistoryBuffer"
    module.HistoryBuffer = HistoryBuffer  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return HistoryBuffer


@pytest.mark.parametrize("is_zip", [True, False])
def test_a_training_checkpoint_gives_its_weights_and_the_rest_is_skipped(
    history_buffer, tmp_path: Path, monkeypatch, is_zip: bool
):
    layer = torch.nn.Linear(3, 2).half()
    optimizer = torch.optim.AdamW(layer.parameters())
    everything = torch.arange(6.0)
    torch.save(
        {
            "meta": {"epoch": 3, "cfg": "text", "when": np.float64(1.5)},
            "state_dict": collections.OrderedDict(
                {
                    **layer.state_dict(),
                    "bf16": torch.ones(2).bfloat16(),
                    "count": torch.tensor(7),
                    "view": everything[2:4],
                    "turned": everything.view(2, 3).T,
                    "parameter": layer.weight,
                    "empty": torch.zeros(0),
                }
            ),
            "message_hub": {"loss": history_buffer(np.arange(4.0))},
            "optimizer": optimizer.state_dict(),
            "args": argparse.Namespace(lr=1e-3),
            "path": Path("x"),
        },
        tmp_path / "epoch_3.pth",
        _use_new_zipfile_serialization=is_zip,
    )
    monkeypatch.delitem(sys.modules, "foreign_engine")
    content = weights.read(tmp_path / "epoch_3.pth")
    found = content["state_dict"]
    assert torch.equal(found["weight"], layer.weight)
    assert torch.equal(found["parameter"], layer.weight)
    assert found["weight"].dtype is torch.float16
    assert found["bf16"].dtype is torch.bfloat16
    assert found["count"] == 7
    assert found["view"].tolist() == [2, 3]
    assert found["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    assert found["empty"].shape == (0,)
    assert content["meta"]["epoch"] == 3
    assert "optimizer" not in content


MARK = "RUN"
COMMAND = f"touch {MARK}".encode()


def _short(text: bytes) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text


def _global(module: bytes, name: bytes) -> bytes:
    return b"c" + module + b"\n" + name + b"\n"


ATTACKS = {
    "REDUCE": _global(b"os", b"system") + _short(COMMAND) + b"\x85R",
    "REDUCE posix": _global(b"posix", b"system") + _short(COMMAND) + b"\x85R",
    "STACK_GLOBAL": _short(b"os") + _short(b"system") + b"\x93" + _short(COMMAND) + b"\x85R",
    "INST": b"(" + _short(COMMAND) + b"ios\nsystem\n",
    "OBJ": b"(" + _global(b"os", b"system") + _short(COMMAND) + b"o",
    "NEWOBJ": _global(b"os", b"system") + _short(COMMAND) + b"\x85\x81",
    "NEWOBJ_EX": _global(b"os", b"system") + _short(COMMAND) + b"\x85}\x92",
    "BUILD": _global(b"foreign", b"Class")
    + b")R"
    + b"}"
    + _short(b"__setstate__")
    + _global(b"os", b"system")
    + b"sb"
    + _short(COMMAND)
    + b"b",
    "eval": _global(b"builtins", b"eval")
    + _short(b"__import__('os').system('touch RUN')")
    + b"\x85R",
    "getattr": _global(b"builtins", b"getattr")
    + _global(b"os", b"path")
    + _short(b"os")
    + b"\x86R",
    "getattr of a stand-in": _global(b"builtins", b"getattr")
    + _global(b"builtins", b"getattr")
    + _short(b"__globals__")
    + b"\x86R"
    + _short(COMMAND)
    + b"\x85R",
    "dotted name": _short(b"collections")
    + _short(b"abc.sys.modules")
    + b"\x93"
    + _short(COMMAND)
    + b"\x85R",
    "torch": _global(b"torch.hub", b"load") + _short(COMMAND) + b"\x85R",
    "operator": _global(b"operator", b"methodcaller") + _short(b"system") + b"\x85R"
    + _global(b"os", b"path") + b"\x85R",
    "map": _global(b"builtins", b"map") + _global(b"os", b"system")
    + b"(" + _short(COMMAND) + b"l\x86R",
    "copyreg": _global(b"copyreg", b"_reconstructor") + _global(b"os", b"system")
    + _short(COMMAND) + b"N\x87R",
    "nested": _global(b"pickle", b"loads")
    + b"B" + struct.pack("<I", 22 + len(COMMAND))
    + (_global(b"os", b"system") + _short(COMMAND) + b"\x85R.").ljust(22 + len(COMMAND), b".")
    + b"\x85R",
    "setattr": _global(b"torch._utils", b"_rebuild_tensor_v2")
    + b"N}" + _short(b"__defaults__") + _global(b"os", b"system") + b"s\x86b",
    "persistent": _short(b"storage") + _global(b"os", b"system") + _short(b"0") + _short(b"cpu")
    + b"K\x01t"[:0] + b"\x86Q",
}  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("way", ["zip", "bare", "torchscript"])
def test_no_opcode_runs_anything(tmp_path: Path, monkeypatch, attack: str, way: str):
    monkeypatch.chdir(tmp_path)
    ran: list[object] = []
    monkeypatch.setattr(os, "system", lambda *arguments: ran.append(arguments))
    sys.addaudithook(lambda event, _: ran.append(event) if event in _EVENTS and watching else None)
    # A dict: what the attack gives, and a tensor without which nothing would be looked for.
    program = b"\x80\x04}" + _short(b"evil") + ATTACKS[attack] + b"s."
    path = tmp_path / "evil.pt"
    if way == "bare":
        path.write_bytes(program)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("evil/data.pkl", program)
            archive.writestr("evil/version", "3\n")
            if way == "torchscript":
                archive.writestr("evil/constants.pkl", b"")
    for read in (weights.read, lambda path: pickles.read(path, [])):
        watching = True
        try:
            read(path)
        except (ValueError, pickle.UnpicklingError, TypeError, AttributeError, RuntimeError):
            pass
        except (zipfile.BadZipFile, IndexError, EOFError, KeyError):
            pass
        finally:
            watching = False
    assert not ran
    assert not Path(MARK).exists()
    assert pickle.Unpickler.__module__ == "_pickle"


_EVENTS = ("os.system", "subprocess.Popen", "os.exec", "os.posix_spawn")


def test_a_storage_that_is_too_small_for_its_tensor_is_refused(tmp_path: Path):
    torch.save({"a": torch.ones(1).expand(1000), "b": argparse.Namespace()}, tmp_path / "wide.pt")
    with pytest.raises(ValueError, match=r"wide\.pt"):
        weights.read(tmp_path / "wide.pt")


def test_a_file_without_any_tensor_is_refused_by_the_name_of_what_it_holds(tmp_path: Path):
    torch.save({"args": argparse.Namespace(lr=1)}, tmp_path / "args.pt")
    with pytest.raises(ValueError, match=r"refused, and nothing of it was run.*argparse\.Namesp"):
        weights.read(tmp_path / "args.pt")
