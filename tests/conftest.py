"""What many tests need: real clips where they are at hand, and a small video made on the spot."""

import runpy
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from torch import nn

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import ModelConfig
from actionclip.model.encoders import clip

SIZE = 16
WORDS = ("[PAD]", "[UNK]", "[START]", "a", "moving", "video", "of", "left", "right", "still")

torch.set_num_threads(1)  # small tensors and several test processes: more threads only wait


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a person keeps is read or written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real clips and golden tensors, kept beside the project and not part of it."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the real clips and golden tensors in {folder.name}/ beside the project")
    return folder


@pytest.fixture(scope="session")
def square_frames() -> np.ndarray:
    """Twenty frames, uint8 (T, H, W, 3): a white square moves to the right over black."""
    frames = np.zeros((20, 96, 128, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[40:56, 4 * index : 4 * index + 16] = 255
    return frames


@pytest.fixture(scope="session")
def moving_square(square_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those frames as two seconds of H.264."""
    path = tmp_path_factory.mktemp("video") / "moving_square.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = square_frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in square_frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.fixture(scope="session")
def tiny_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint: two layers of width 32 a tower, 16 by 16 pixels, a transformer as its head."""
    words = [*WORDS, "[END]"]  # the end has the highest id, where CLIP looks for it
    tokenizer = Tokenizer(models.WordLevel({w: i for i, w in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    start, end = (("[START]", words.index("[START]")), ("[END]", words.index("[END]")))
    tokenizer.post_processor = processors.TemplateProcessing("[START] $A [END]", None, [start, end])
    tokenizer.enable_padding()
    tokenizer.enable_truncation(12)
    tower = {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "hidden_act": "quick_gelu",
    }
    settings = {
        "projection_dim": 32,
        "vision_config": {**tower, "image_size": SIZE, "patch_size": 8},
        "text_config": {
            **tower,
            "vocab_size": len(words),
            "bos_token_id": words.index("[START]"),
            "max_position_embeddings": 12,
            "eos_token_id": 2,  # means: the highest id
        },
    }
    config = ModelConfig(
        "clip",
        clip.encoder_config("clip", settings, (0.5, 0.5, 0.5), (0.3, 0.3, 0.3)),
        temporal_head="transformer",
        num_frames=4,
        num_attention_heads=2,
    )
    torch.manual_seed(0)
    encoder = clip.ClipEncoder.build(config, tokenizer)
    for parameter in encoder.parameters():
        nn.init.normal_(parameter, std=0.1)
    for module in encoder.modules():
        if isinstance(module, nn.LayerNorm):
            module.reset_parameters()
    model = ActionCLIP(config, encoder)
    with torch.no_grad():
        model.logit_scale.fill_(3)
    folder = tmp_path_factory.mktemp("tiny_clip") / "checkpoint"
    model.save(folder)
    return folder


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data: 18 videos to train on and 9 to test on, a folder per label."""
    folder = tmp_path_factory.mktemp("squares")
    chance = np.random.default_rng(0)
    for split, count in (("train", 6), ("val", 3)):
        for way in ("left", "right", "still"):
            for index in range(count):
                _film(folder / split / f"moving_{way}" / f"{index}.mp4", way, chance)
    return folder


def _film(path: Path, way: str, chance: np.random.Generator) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    wall, top = chance.integers(0, 90, 3), int(chance.integers(0, 20))
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.height = stream.width = 32
        stream.pix_fmt = "yuv420p"
        for step in range(12):
            frame = np.full((32, 32, 3), wall, np.uint8)
            left = {"left": 22 - 2 * step, "right": 2 * step, "still": 11}[way]
            frame[top : top + 10, max(left, 0) : left + 10] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def hostile_files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two hundred files that should not be given to a video reader."""
    make = runpy.run_path(str(Path(__file__).with_name("video") / "hostile.py"))["make"]
    return make(tmp_path_factory.mktemp("hostile"))
