from pathlib import Path

import pytest
import torch

from actionclip.model import precision
from actionclip.model.actionclip import ActionCLIP

CPU = torch.device("cpu")


def test_what_is_asked_for_is_what_is_chosen():
    assert precision.choose("fp32", CPU).dtype is torch.float32
    assert precision.choose("bf16", CPU).dtype is torch.bfloat16


def test_auto_says_why():
    choice = precision.choose("auto", CPU)
    has_hardware = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert choice.dtype is (torch.bfloat16 if has_hardware else torch.float32)
    assert "this CPU" in choice.reason


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_auto_stays_in_fp32_for_an_encoder_whose_answers_bf16_changes(device: str):
    place = torch.device(device)
    assert precision.choose("auto", place, wants_fp32=True).dtype is torch.float32
    assert precision.choose("bf16", place, wants_fp32=True).dtype is torch.bfloat16


def test_lite_wants_fp32():
    from actionclip.model.encoders.lite import LiteEncoder

    assert LiteEncoder.wants_fp32


def test_fp32_on_a_gpu_is_fp32_in_convolutions_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    precision.choose("fp32", CPU)
    assert torch.backends.cudnn.allow_tf32
    precision.choose("fp32", torch.device("cuda"))
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("name", ["gpu", "GPU:0", "cuda:99", "nonsense", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_in_a_line_that_names_those_that_are(name: str):
    with pytest.raises(ValueError, match=r"^device: .*known here: cpu") as error:
        precision.device(name)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_asked_of_a_build_for_cpus_is_refused(tiny_model: ActionCLIP, tmp_path: Path):
    tiny_model.save(tmp_path / "saved")
    with pytest.raises(ValueError, match=r"device: 'cuda' cannot be used"):
        ActionCLIP.load(tmp_path / "saved", device="cuda")


def test_an_unknown_precision_is_refused(tiny_model: ActionCLIP):
    with pytest.raises(ValueError, match="unknown 'fp16'; known: 'fp32', 'bf16', 'auto'"):
        precision.choose("fp16", CPU)  # type: ignore[arg-type]


@torch.inference_mode()
def test_towers_in_bf16_give_nearly_the_same_embeddings_in_fp32(
    tiny_model: ActionCLIP, clips: torch.Tensor, tokens: torch.Tensor
):
    exact = tiny_model.embed_clips(clips), tiny_model.embed_tokens(tokens)
    model = tiny_model.in_precision("bf16")
    assert next(model.encoder.vision_tower.parameters()).dtype is torch.bfloat16
    for ours, theirs in zip(
        (model.embed_clips(clips), model.embed_tokens(tokens)), exact, strict=True
    ):
        assert ours.dtype is torch.float32
        assert (ours * theirs).sum(dim=-1).min() > 0.999
