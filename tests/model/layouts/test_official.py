from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig

WriteOfficial = Callable[[dict[str, Tensor]], Path]
OFFICIAL_NAMES = {
    "conv_official": "Conv_1D",
    "lstm": "LSTM",
    "transformer": "Transf",
    "transformer_cls": "Transf_cls",
}


def head_weights(name: str, num_frames: int = 8) -> dict[str, Tensor]:
    """Weights as the official heads have them, positions that some of them never use included."""
    config = ModelConfig(
        encoder="clip",
        temporal_head=name,  # type: ignore[arg-type]
        num_frames=num_frames,
        num_attention_heads=8,
        num_positions=num_frames if name == "transformer_cls" else 77,
    )
    head = dict(config.build_head(32).state_dict())
    return {"frame_position_embeddings.weight": torch.randn(77, 32), **head}


@pytest.mark.parametrize("name", OFFICIAL_NAMES)
@torch.inference_mode()
def test_each_official_head_is_told_by_its_names_and_read_whole(
    official_file: WriteOfficial, name: str
):
    weights = head_weights(name)
    model = ActionCLIP.load(official_file(weights))
    assert model.config.temporal_head == name
    for parameter, tensor in model.temporal_head.state_dict().items():
        assert torch.equal(tensor, weights[parameter])
    assert model.embed_frame_features(torch.randn(2, 8, 32)).shape == (2, 32)


def test_no_head_is_the_mean(official_file: WriteOfficial):
    assert ActionCLIP.load(official_file({})).config.temporal_head == "mean"


def test_transformer_cls_tells_its_frames_by_its_positions(official_file: WriteOfficial):
    model = ActionCLIP.load(official_file(head_weights("transformer_cls", num_frames=16)))
    assert (model.config.num_frames, model.config.num_attention_heads) == (16, 8)


@torch.inference_mode()
def test_towers_give_what_the_reference_gives(
    reference_clip: nn.Module, tiny_model: ActionCLIP, clips: Tensor, tokens: Tensor
):
    pixels = (clips - tiny_model.encoder.pixel_mean) / tiny_model.encoder.pixel_std
    expected = reference_clip.visual(pixels.flatten(0, 1)).unflatten(0, (3, 8))
    torch.testing.assert_close(tiny_model.frame_features(clips), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        tiny_model.text_features(tokens), reference_clip.encode_text(tokens), rtol=1e-4, atol=1e-5
    )
    assert tiny_model.logit_scale == reference_clip.logit_scale


@torch.inference_mode()
def test_text_features_do_not_depend_on_the_padding(tiny_model: ActionCLIP, tokens: Tensor):
    cut = tiny_model.text_features(tokens[:2, :5])
    torch.testing.assert_close(cut, tiny_model.text_features(tokens)[:2], rtol=1e-4, atol=1e-6)


@torch.inference_mode()
def test_the_layout_of_mmaction2_gives_the_same_model(
    reference_clip: nn.Module, official_file: WriteOfficial, tmp_path: Path, clips: Tensor
):
    head = head_weights("transformer")
    state = {f"clip.{name}": tensor for name, tensor in reference_clip.state_dict().items()}
    state |= {f"adapter.{name}": tensor for name, tensor in head.items()}
    torch.save({"meta": {}, "state_dict": state}, tmp_path / "mmaction2.pth")
    ours = ActionCLIP.load(tmp_path / "mmaction2.pth")
    official = ActionCLIP.load(official_file(head))
    assert torch.equal(ours.embed_clips(clips), official.embed_clips(clips))


def test_mmaction2_tells_its_frames_by_its_positions(reference_clip: nn.Module, tmp_path: Path):
    head = head_weights("transformer")
    head["frame_position_embeddings.weight"] = torch.randn(16, 32)
    state = {f"clip.{name}": tensor for name, tensor in reference_clip.state_dict().items()}
    state |= {f"adapter.{name}": tensor for name, tensor in head.items()}
    torch.save({"state_dict": state}, tmp_path / "mmaction2.pth")
    assert ActionCLIP.load(tmp_path / "mmaction2.pth").config.num_frames == 16


@torch.inference_mode()
def test_half_precision_weights_and_openais_own_numbers_are_read(
    reference_clip: nn.Module, tmp_path: Path, clips: Tensor
):
    reference_clip.half()
    beside = {"input_resolution": torch.tensor(16), "vocab_size": torch.tensor(50)}
    torch.save({**reference_clip.state_dict(), **beside}, tmp_path / "clip.pt")
    model = ActionCLIP.load(tmp_path / "clip.pt")
    assert model.config.temporal_head == "mean"
    assert model.embed_clips(clips).dtype is torch.float32


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("visual.proj"), r"missing: visual\.proj"),
        (lambda s: s.pop("ln_final.weight"), r"missing: ln_final\.weight"),
        (
            lambda s: s.pop("visual.transformer.resblocks.1.ln_1.bias"),
            r"missing: visual\.transformer\.resblocks\.1\.ln_1\.bias",
        ),
        (lambda s: s.update(more=torch.ones(1)), "not known to the model: more"),
        (
            lambda s: s.update({"visual.ln_post.weight": torch.ones(3)}),
            r"visual\.ln_post\.weight \(3,\) instead of \(64,\)",
        ),
        (
            lambda s: [s.pop(n) for n in list(s) if not n.startswith("visual.")],
            "without a text tower",
        ),
        (
            lambda s: s.update({"visual.layer1.0.conv1.weight": torch.ones(1)}),
            "its vision tower is a ResNet",
        ),
    ],
)
def test_what_is_wrong_with_towers_is_named_as_in_the_file(
    reference_clip: nn.Module, tmp_path: Path, change: Callable, complaint: str
):
    state = dict(reference_clip.state_dict())
    change(state)
    torch.save(state, tmp_path / "clip.pt")
    with pytest.raises(ValueError, match=complaint):
        ActionCLIP.load(tmp_path / "clip.pt")


def test_what_is_wrong_with_a_head_is_named(official_file: WriteOfficial):
    weights = head_weights("lstm")
    weights["lstm_visual.more"] = weights.pop("lstm_visual.bias_ih_l0")
    with pytest.raises(ValueError, match=r"missing: lstm_visual\.bias_ih_l0.*lstm_visual\.more"):
        ActionCLIP.load(official_file(weights))
    with pytest.raises(ValueError, match="head is not known, it has attention"):
        ActionCLIP.load(official_file({"attention": torch.ones(1)}))


def test_another_layout_is_refused_with_the_known_ones(tmp_path: Path):
    torch.save({"params": torch.ones(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match=r"it begins with \['params'\]; known: ActionCLIP's"):
        ActionCLIP.load(tmp_path / "other.pt")
