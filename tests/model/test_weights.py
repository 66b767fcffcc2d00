import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import safetensors.torch
import torch

from actionclip.model import weights


class Malicious:
    """A pickle of this runs `touch` when it is read by a trusting reader."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self):
        return os.system, (f"touch {self.mark}",)


def zipped(content: object, path: Path, protocol: int) -> None:
    torch.save(content, path, pickle_protocol=protocol)


def bare(content: object, path: Path, protocol: int) -> None:
    path.write_bytes(pickle.dumps(content, protocol=protocol))


@pytest.mark.parametrize("protocol", [2, 4, 5])
@pytest.mark.parametrize("write", [zipped, bare])
def test_a_pickle_that_wants_to_run_code_is_refused_by_name(tmp_path: Path, write, protocol: int):
    path, mark = tmp_path / "evil.pt", tmp_path / "mark"
    write({"model_state_dict": {"weight": torch.ones(2)}, "evil": Malicious(mark)}, path, protocol)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(ValueError, match=r"evil\.pt: refused, and nothing of it was run.*system"):
        weights.read(path)
    assert sorted(tmp_path.iterdir()) == before


def test_a_whole_module_in_a_pickle_is_refused_by_the_name_of_its_class(tmp_path: Path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pt")
    with pytest.raises(ValueError, match=r"refused.*Linear"):
        weights.read(tmp_path / "module.pt")


@pytest.mark.parametrize("part", [0.001, 0.5, 0.999])
def test_a_cut_file_says_that_it_is_cut(tmp_path: Path, part: float):
    torch.save({"weight": torch.ones(5000)}, tmp_path / "whole.pt")
    safetensors.torch.save_file({"weight": torch.ones(5000)}, tmp_path / "whole.safetensors")
    for suffix in (".pt", ".safetensors"):
        whole = (tmp_path / f"whole{suffix}").read_bytes()
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole[: int(len(whole) * part)])
        with pytest.raises(ValueError, match=f"cut\\{suffix}: cut off or damaged"):
            weights.read(cut)


def test_other_bytes_and_other_objects_are_no_weights(tmp_path: Path):
    (tmp_path / "text.pt").write_text("this is no weight file")
    with pytest.raises(ValueError, match=r"text\.pt: is no file of weights; give"):
        weights.read(tmp_path / "text.pt")
    torch.save([torch.ones(1)], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="holds a list, not a dict of weights"):
        weights.read(tmp_path / "list.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "run `git lfs pull`"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b'<?xml version="1.0"?><Error>', "is a web page"),
        (b'{"error": "not found"}', r"is a text \(JSON\)"),
        (b"\x1f\x8b\x08" + bytes(20), "is compressed; unpack it"),
        (b"GGUF\x03" + bytes(20), "of another library"),
        (b"\x08\x08\x12\x07pytorch", "of another library"),
        (b"PK\x05\x06" + bytes(18), "is an archive without weights of PyTorch"),
    ],
)
def test_what_people_take_for_weights_is_called_what_it_is(
    tmp_path: Path, suffix: str, content: bytes, reason: str
):
    path = tmp_path / f"file{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=reason) as error:
        weights.read(path)
    assert "\n" not in str(error.value)


def test_an_archive_that_holds_a_program_or_a_folder_is_no_weight_file(tmp_path: Path):
    for member, reason in (
        ("best/model.safetensors", r"it holds best/model\.safetensors; unpack it"),
        ("model/archive_format", r"a program of torch\.export"),
    ):
        with zipfile.ZipFile(tmp_path / "file.pt", "w") as archive:
            archive.writestr(member, "x")
        with pytest.raises(ValueError, match=reason):
            weights.read(tmp_path / "file.pt")


def test_weights_are_read_by_what_they_are_and_not_by_their_suffix(tmp_path: Path):
    tensors = {"weight": torch.ones(2)}
    torch.save(tensors, tmp_path / "pickle.safetensors")
    safetensors.torch.save_file(tensors, tmp_path / "other.pt")
    assert weights.read(tmp_path / "pickle.safetensors")["weight"].tolist() == [1, 1]
    assert weights.read(tmp_path / "other.pt")["weight"].tolist() == [1, 1]


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (torch.tensor([1.0, float("nan")]), r"w holds numbers that are infinite or undefined"),
        (torch.tensor([1.0, -float("inf")]).half(), "infinite or undefined"),
        (torch.ones(2, dtype=torch.int8), "w has numbers of the type int8; get the model"),
        (torch.ones(2).to(torch.float8_e4m3fn), "type float8_e4m3fn"),
        (torch.ones(2, dtype=torch.complex64), "type complex64"),
        (torch.ones(2).to_sparse(), "type float32, sparse or quantized"),
    ],
)
def test_numbers_that_are_no_weights_are_refused(tensor: torch.Tensor, reason: str):
    with pytest.raises(ValueError, match=reason):
        weights.check({"w": tensor}, {"w": tensor.shape}, "file")


def test_large_finite_numbers_are_weights():
    weights.check({"w": torch.full((2,), 6e4).half()}, {"w": torch.Size([2])}, "file")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path: Path):
    with pytest.raises(FileNotFoundError, match=r"none\.pt: no such file"):
        weights.read(tmp_path / "none.pt")


def test_missing_extra_and_wrongly_shaped_tensors_are_named():
    found = {"extra": torch.ones(1), "shaped": torch.ones(2, 3)}
    wanted = {"absent": torch.Size([1]), "shaped": torch.Size([3, 2])}
    with pytest.raises(ValueError, match="missing: absent") as error:
        weights.check(found, wanted, "here.pt")
    assert "not known to the model: extra" in str(error.value)
    assert "shaped (2, 3) instead of (3, 2)" in str(error.value)


def torchscript(module: torch.nn.Module, path: Path, *inputs: torch.Tensor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, OpenAI's files are in it
        torch.jit.trace(module, inputs).save(str(path))


def test_a_torchscript_archive_gives_its_state_dict_and_no_code_of_it_runs(
    reference_clip: torch.nn.Module, tokens: torch.Tensor, tmp_path: Path, monkeypatch
):
    torchscript(
        reference_clip.half().float(), tmp_path / "clip.pt", torch.rand(4, 3, 16, 16), tokens
    )
    monkeypatch.delattr(torch.jit, "load")
    found = weights.read(tmp_path / "clip.pt")
    expected = reference_clip.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_a_torchscript_archive_that_names_other_functions_is_refused(tmp_path: Path):
    import zipfile

    mark = tmp_path / "mark"
    with zipfile.ZipFile(tmp_path / "evil.pt", "w") as archive:
        archive.writestr("evil/data.pkl", pickle.dumps(Malicious(mark), protocol=2))
        archive.writestr("evil/constants.pkl", b"")
    with pytest.raises(ValueError, match=r"refused, and nothing of it was run.*system"):
        weights.read(tmp_path / "evil.pt")
    assert not mark.exists()
