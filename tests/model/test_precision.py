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


def test_auto_stays_in_fp32_for_what_a_cpu_computes_by_a_runtime_without_bf16():
    choice = precision.choose("auto", CPU, only_fp32_is_fast_on_cpu=True)
    assert choice == (torch.float32, "this CPU computes this model by a runtime without bf16")
    asked = precision.choose("bf16", CPU, only_fp32_is_fast_on_cpu=True)
    assert asked.dtype is torch.bfloat16


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
