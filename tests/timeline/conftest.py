"""A model that sees nothing but colours, and a film of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders.encoder import Encoder

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "black": (0, 0, 0)}
LABELS = ["red", "green", "blue"]


class ColourVision(Encoder):
    """Sees the colour of a frame; counts how often it looks and how much is projected."""

    width, image_size, short_side = 3, 16, 16

    def __init__(self) -> None:
        super().__init__()
        self.vision_tower = nn.Linear(1, 1)  # something that has weights to tell models apart
        self.text_tower = nn.Identity()
        self.num_seen = 0
        self.num_projected = 0

    def vision_features(self, clips: Tensor) -> Tensor:
        self.num_seen += clips.shape[0] * clips.shape[1]
        return clips.mean(dim=(-1, -2)) - 0.3

    def project(self, vision_features: Tensor) -> Tensor:
        self.num_projected += vision_features.shape[0] * vision_features.shape[1]
        return vision_features + 0.01

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        raise NotImplementedError

    def text_features(self, token_ids: Tensor) -> Tensor:
        raise NotImplementedError


@pytest.fixture
def make_model() -> Callable[..., ActionCLIP]:
    """Make a model with any head."""

    def make(temporal_head: str = "mean", num_frames: int = 4) -> ActionCLIP:
        torch.manual_seed(0)
        config = ModelConfig("colours", temporal_head=temporal_head, num_frames=num_frames)
        return ActionCLIP(config, ColourVision()).eval()

    return make


@pytest.fixture
def model(make_model: Callable[..., ActionCLIP]) -> ActionCLIP:
    return make_model()


@pytest.fixture(scope="session")
def score() -> Callable[[Tensor], Tensor]:
    """Scores red, green and blue; a clip of no colour has no high score."""
    return lambda embeddings: (12 * embeddings - 8).sigmoid()


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames a second: 2 s red, 3 s black, 2.5 s blue, 2 s green."""
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        for colour, num_frames in (("red", 20), ("black", 30), ("blue", 25), ("green", 20)):
            picture = np.full((32, 32, 3), COLOURS[colour], np.uint8)
            for _ in range(num_frames):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path
