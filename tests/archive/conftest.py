"""A model that knows three colours and their names, and films of them."""

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from actionclip.archive.archive import Archive
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders.encoder import Encoder
from actionclip.recognizer import Recognizer
from actionclip.video.decoder import Decoder

COLOURS = {"red": (180, 30, 30), "green": (30, 180, 30), "blue": (30, 30, 180), "black": (0, 0, 0)}
Scene = tuple[str, float]
"""A colour, "still" before it if nothing moves, and seconds."""


class Colours(Encoder):
    """Embeds the mean colour of a frame; counts the frames."""

    width, image_size, short_side = 3, 16, 16

    def __init__(self) -> None:
        super().__init__()
        self.vision_tower = nn.Linear(1, 1)  # something that has weights to tell models apart
        self.text_tower = nn.Identity()
        self.num_seen = 0

    def vision_features(self, clips: Tensor) -> Tensor:
        self.num_seen += clips.shape[0] * clips.shape[1]
        frames = clips.flatten(0, 1)  # (M, 3, H, W)
        pixels = nn.functional.adaptive_avg_pool2d(frames, 4).flatten(1)
        rows = torch.cat([frames.mean(dim=(2, 3)), pixels], dim=1)  # (M, 3 + 48)
        return rows.unflatten(0, clips.shape[:2])

    def project(self, vision_features: Tensor) -> Tensor:
        return vision_features[..., :3] + 0.01

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        return torch.tensor([[word in text for word in list(COLOURS)[:3]] for text in texts]).long()

    def text_features(self, token_ids: Tensor) -> Tensor:
        return token_ids + 0.05


@pytest.fixture
def make_recognizer() -> Callable[[], Recognizer]:
    def make(num_frames: int = 4) -> Recognizer:
        torch.manual_seed(0)
        model = ActionCLIP(ModelConfig("colours", num_frames=num_frames), Colours())
        model.logit_scale.data.fill_(3.0)
        model.calibration = dataclasses.replace(model.calibration, margin=0.0, temperature=1.5)
        return Recognizer(model)

    return make


@pytest.fixture
def recognizer(make_recognizer: Callable[[], Recognizer]) -> Recognizer:
    return make_recognizer()


@pytest.fixture(scope="session")
def decoder() -> Iterator[Decoder]:
    with Decoder() as decoder:
        yield decoder


@pytest.fixture
def archive(tmp_path: Path, recognizer: Recognizer, decoder: Decoder) -> Archive:
    return Archive.open(tmp_path / "archive", recognizer, decoder=decoder)


@pytest.fixture(scope="session")
def film() -> Callable[[Path, Sequence[Scene]], Path]:
    """Write a film: a white bar moves over each scene's colour."""

    def write(path: Path, scenes: Sequence[Scene]) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=8, options={"crf": "10"})
            stream.height, stream.width, stream.pix_fmt = 64, 64, "yuv420p"
            number = 0
            for name, seconds in scenes:
                colour = COLOURS[name.removeprefix("still ")]
                for _ in range(round(8 * seconds)):
                    frame = np.full((64, 64, 3), colour, np.uint8)
                    if not name.startswith("still "):
                        left = 12 * number % 56
                        frame[20:40, left : left + 8] = 255
                    number += 1
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        return path

    return write
