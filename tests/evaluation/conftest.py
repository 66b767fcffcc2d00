"""What is evaluated in tests: a model that looks at the colours of frames, and coloured videos."""

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.data.annotations import Annotations, Example
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders.encoder import Encoder

SIZE, WIDTH = 16, 8
COLOURS = {"red": (200, 40, 40), "green": (40, 200, 40), "blue": (40, 40, 200)}


class ColourEncoder(Encoder):
    """Features of a frame are mixtures of its pixels, those of a text of its letters."""

    width, image_size, short_side = WIDTH, SIZE, SIZE
    tokenizer = None

    def __init__(self) -> None:
        super().__init__()
        self.vision_tower = nn.Linear(3 * 4 * 4, 12)
        self.text_tower = nn.Embedding(128, WIDTH)
        self.projection = nn.Linear(12, WIDTH)
        self.num_seen = 0

    def vision_features(self, clips: Tensor) -> Tensor:
        self.num_seen += len(clips)
        pooled = F.adaptive_avg_pool2d(clips.flatten(0, 1), 4).flatten(1)
        return self.vision_tower(pooled).tanh().unflatten(0, clips.shape[:2])

    def project(self, vision_features: Tensor) -> Tensor:
        return self.projection(vision_features)

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        longest = max(map(len, texts))
        return torch.tensor([[ord(letter) for letter in text.ljust(longest)] for text in texts])

    def text_features(self, token_ids: Tensor) -> Tensor:
        places = torch.arange(1, token_ids.shape[1] + 1)[:, None]
        is_letter = (token_ids != ord(" "))[..., None]
        return (self.text_tower(token_ids) * places.sin() * is_letter).sum(dim=1)


@pytest.fixture
def colour_model() -> ActionCLIP:
    """Small and random, with a head for which the order of frames matters."""
    torch.manual_seed(0)
    config = ModelConfig("colours", temporal_head="conv", num_frames=4)
    encoder = ColourEncoder()
    model = ActionCLIP(config, encoder)
    with torch.no_grad():
        model.logit_scale.fill_(3)
    return model.eval()


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Features of tests are kept with the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data: nine videos that change their brightness, a folder per label in train/ and test/."""
    folder = tmp_path_factory.mktemp("colours")
    chance = np.random.default_rng(0)
    for split, count in (("train", 2), ("test", 3)):
        for name, colour in COLOURS.items():
            for index in range(count):
                path = folder / split / name / f"{index}.mp4"
                path.parent.mkdir(parents=True, exist_ok=True)
                _film(path, np.array(colour), chance)
    return folder


@pytest.fixture(scope="session")
def colour_clips(colours: Path) -> Annotations:
    """The clips to test on."""
    return Annotations(
        tuple(
            Example(video, (video.parent.name,), "test", source=str(video))
            for video in sorted((colours / "test").glob("*/*.mp4"))
        ),
        labels=tuple(COLOURS),
    )


def _film(path: Path, colour: np.ndarray, chance: np.random.Generator) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for _ in range(10):
            frame = np.clip(colour + chance.integers(-40, 40, (32, 48, 3)), 0, 255)
            picture = av.VideoFrame.from_ndarray(frame.astype(np.uint8), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
