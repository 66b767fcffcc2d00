"""What the official code computes from its own checkpoints, `ActionCLIP.load` computes too."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.layouts import openai

CASES = ("Transf", "Transf_shift", "Conv_1D")


def relative_error(ours: Tensor, official: Tensor) -> float:
    return float((ours - official).abs().max() / official.abs().max())


def raw_pixels(frames: Tensor) -> Tensor:
    """Undo the official normalisation."""
    mean, std = (torch.tensor(s).view(3, 1, 1) for s in (openai.PIXEL_MEAN, openai.PIXEL_STD))
    return frames * std + mean


@pytest.mark.parametrize("case", CASES)
def test_all_features_and_logits_are_those_of_the_official_code(shared: Path, case: str):
    model = ActionCLIP.load(shared / "golden" / f"{case}.checkpoint.pt")
    official = torch.load(shared / "golden" / f"{case}.expected.pt", weights_only=True)
    clips = raw_pixels(official["frames"])
    with torch.inference_mode():
        frame_features = model.frame_features(clips)
        clip_features = model.clip_features(frame_features)
        text_features = model.text_features(official["tokens"])
        similarities = model.embed_clips(clips) @ model.embed_tokens(official["tokens"]).T
        logits = model.logit_scale.exp() * similarities

    assert relative_error(frame_features, official["frame_features"]) < 2e-5
    assert relative_error(clip_features, official["video_features"]) < 2e-5
    assert relative_error(text_features, official["text_features"]) < 2e-5
    assert relative_error(logits, official["logits_per_video"]) < 2e-5


@pytest.mark.parametrize("case", CASES)
def test_head_shift_and_sizes_are_read_off_the_weights(shared: Path, case: str):
    config = ActionCLIP.load(shared / "golden" / f"{case}.checkpoint.pt").config
    assert config.temporal_head == ("conv_official" if case == "Conv_1D" else "transformer")
    assert config.shift == case.endswith("_shift")
    assert (config.num_frames, config.num_attention_heads) == (8, 2)
