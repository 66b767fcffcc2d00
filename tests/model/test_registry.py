"""Encoders and temporal heads of other packages work like our own, or are refused at once."""

import dataclasses
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from actionclip.core import encode
from actionclip.model import encoders, temporal_heads
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders import ENCODERS, Encoder
from actionclip.model.temporal_heads import HEADS, TemporalHead

COLOURS = """
import torch
from torch import nn
from actionclip.model.encoders import Encoder

class Colours(Encoder):
    width, image_size, short_side = 3, 8, 8

    def __init__(self):
        super().__init__()
        self.vision_tower, self.text_tower = nn.AdaptiveAvgPool2d(1), nn.Identity()

    @classmethod
    def pretrained(cls):
        return cls()

    def vision_features(self, clips):
        return self.vision_tower(clips.flatten(0, 1)).flatten(1).unflatten(0, clips.shape[:2])

    def project(self, vision_features):
        return vision_features

    def tokenize(self, texts):
        names = ("red", "green", "blue")
        return torch.tensor([[int(name in text) for name in names] for text in texts])

    def text_features(self, token_ids):
        return token_ids.float()
"""


class Maximum(TemporalHead):
    def __init__(self, width: int, **_: int | bool) -> None:
        super().__init__(width)
        self.share = nn.Parameter(torch.ones(width))

    def forward(self, frame_features: Tensor) -> Tensor:
        mean = frame_features.mean(dim=1)
        return mean + self.share * (frame_features.amax(dim=1) - mean)

    def start_as_identity(self) -> None:
        self.share.zero_()


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch: pytest.MonkeyPatch):
    for registry in (HEADS, ENCODERS):
        monkeypatch.setattr(registry, "_classes", dict(registry._classes))


@torch.inference_mode()
def test_a_head_of_another_package_is_loaded_saved_and_starts_as_the_mean(
    tiny_model: ActionCLIP, clips: Tensor, tmp_path: Path
):
    temporal_heads.register("maximum", Maximum)
    mean = tiny_model.embed_clips(clips)
    model = tiny_model.with_visual_prompts(temporal_head="maximum")
    torch.testing.assert_close(model.embed_clips(clips), mean)
    model.temporal_head.share.fill_(0.5)
    model.save(tmp_path / "saved")
    saved = ActionCLIP.load(tmp_path / "saved")
    assert torch.equal(saved.embed_clips(clips), model.embed_clips(clips))
    assert not torch.allclose(saved.embed_clips(clips), mean)


class WithoutStart(TemporalHead):
    def forward(self, frame_features: Tensor) -> Tensor:
        return frame_features.mean(dim=1)


class OtherShape(Maximum):
    def forward(self, frame_features: Tensor) -> Tensor:
        return frame_features


class NoIdentity(Maximum):
    def start_as_identity(self) -> None:
        """Change nothing."""


class NeedsArguments(Encoder):
    vision_features = project = text_features = lambda self, x: x

    def __init__(self, width: int) -> None:
        super().__init__()


class Incomplete(Encoder):
    def project(self, vision_features: Tensor) -> Tensor:
        return vision_features


@pytest.mark.parametrize(
    ("register", "name", "kind", "complaint"),
    [
        (temporal_heads.register, "new", WithoutStart, r"lacks \['start_as_identity'\]; define"),
        (temporal_heads.register, "new", OtherShape, r"have the shape \(3, 4, 16\), not \(3, 16\)"),
        (temporal_heads.register, "new", NoIdentity, "do not point where the mean does"),
        (HEADS.register, "new", nn.Linear, "is no subclass of TemporalHead"),
        (temporal_heads.register, "mean", Maximum, "'mean': the name is in use"),
        (encoders.register, "new", Incomplete, r"lacks \['text_features', 'vision_features'\]"),
        (encoders.register, "new", NeedsArguments, "'width'; define build"),
        (encoders.register, "lite", Incomplete, "the name is in use"),
    ],
)
def test_what_cannot_work_is_refused_when_it_is_registered(register, name, kind, complaint):
    with pytest.raises(ValueError, match=complaint):
        register(name, kind)


def test_an_encoder_that_an_installed_package_names_is_loaded_by_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "outside_colours.py").write_text(COLOURS)
    described = tmp_path / "outside_colours-1.0.dist-info"
    described.mkdir()
    (described / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: outside-colours\nVersion: 1\n"
    )
    (described / "entry_points.txt").write_text(
        "[actionclip.encoders]\ncolours = outside_colours:Colours\n"
    )
    with pytest.raises(
        ValueError, match="colours: no such model; known: 'lite', 'mini', a hub name"
    ):
        ActionCLIP.load("colours")
    monkeypatch.syspath_prepend(tmp_path)
    model = ActionCLIP.load("colours", temporal_head="conv")
    red = torch.zeros(1, 4, 3, 8, 8)
    red[:, :, 0] = 1
    similarities = model.embed_clips(red) @ model.embed_texts(["blue sky", "a red ball"]).T
    assert similarities.argmax() == 1
    assert encode.depends_on(model)["encoder"] == "colours"
    model.save(tmp_path / "saved")
    saved = ActionCLIP.load(tmp_path / "saved")
    assert dataclasses.astuple(saved.config) == dataclasses.astuple(model.config)
    with pytest.raises(ValueError, match="known: 'lite', 'colours', 'mini', a hub name"):
        ActionCLIP.load("other")
    sys.modules.pop("outside_colours")
