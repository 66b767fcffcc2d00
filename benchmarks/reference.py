"""The reference way: a video becomes scores as the official ActionCLIP does it for testing.

All frames of a video are decoded and stored as JPEG files; those that a clip needs are read again,
scaled and cropped with PIL one by one, and encoded in fp32. Every label is written into every
template, padded to the longest text that the model takes, and encoded anew in each run. Videos come
one after another. (The official code reads the JPEG files in several processes; on two cores that
would take from the tower what it gives to PIL.)

Shapes:
    T: frames of a clip   S: pixels of a side   P: prompts   N: labels   D: shared width
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import torch
from jaxtyping import Float
from measuring import Parts
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional as F

from actionclip.model.encoders import minilm
from actionclip.model.encoders.lite import LiteEncoder
from actionclip.model.layouts import openai
from actionclip.text import prompts

NUM_FRAMES = 8
_PROMPTS_AT_ONCE = 128
_NUM_TOKENS = 77
_JPEG_QUALITY = 95


class Towers(NamedTuple):
    """A model as the reference way uses it."""

    encode_frames: Callable[[Float[Tensor, "T 3 S S"]], Float[Tensor, "T D"]]
    """Takes normalised pixels."""
    encode_prompts: Callable[[Sequence[str]], Float[Tensor, "P D"]]
    templates: tuple[str, ...]
    short_side: int
    size: int
    mean: Sequence[float]
    std: Sequence[float]
    logit_scale: float


def load(model: str) -> Towers:
    """Load `lite`, or a folder that `transformers` reads as CLIP."""
    return _lite() if model == "lite" else _clip(Path(model))


def _clip(folder: Path) -> Towers:
    from transformers import CLIPModel  # late: it is slow, and `lite` does without

    model = CLIPModel.from_pretrained(folder, attn_implementation="eager").eval()
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding(length=_NUM_TOKENS)

    def encode_frames(pixels: Float[Tensor, "T 3 S S"]) -> Float[Tensor, "T D"]:
        return model.visual_projection(model.vision_model(pixel_values=pixels).pooler_output)

    def encode_prompts(texts: Sequence[str]) -> Float[Tensor, "P D"]:
        token_ids = torch.tensor([text.ids for text in tokenizer.encode_batch(list(texts))])
        return model.text_projection(model.text_model(input_ids=token_ids).pooler_output)

    mean, std = openai.PIXEL_MEAN, openai.PIXEL_STD
    return Towers(encode_frames, encode_prompts, prompts.PAPER, 256, 224, mean, std, 100.0)


def _lite() -> Towers:
    encoder = LiteEncoder.pretrained()
    assert encoder.tokenizer is not None
    encoder.tokenizer.enable_padding(length=minilm.MAX_TOKENS)
    tower = encoder.vision_tower.to(memory_format=torch.contiguous_format)  # pyright: ignore[reportCallIssue]

    def encode_frames(pixels: Float[Tensor, "T 3 S S"]) -> Float[Tensor, "T D"]:
        return encoder.project(tower.extract_features(pixels).mean(dim=(2, 3))[None])[0]

    def encode_prompts(texts: Sequence[str]) -> Float[Tensor, "P D"]:
        return encoder.text_features(encoder.tokenize(texts))

    size, mean, std = encoder.image_size, [127 / 255] * 3, [128 / 255] * 3
    scale = float(np.exp(encoder.initial_logit_scale))
    return Towers(encode_frames, encode_prompts, prompts.BARE, size, size, mean, std, scale)


def embed_prompts(towers: Towers, texts: Sequence[str], parts: Parts) -> Float[Tensor, "P D"]:
    """Encode prompts, and bring their features to length one."""
    with parts.part("labels"):
        features = [
            towers.encode_prompts(texts[start : start + _PROMPTS_AT_ONCE])
            for start in range(0, len(texts), _PROMPTS_AT_ONCE)
        ]
        return F.normalize(torch.cat(features), dim=-1)


def embed_clip(towers: Towers, video: Path, parts: Parts) -> Float[Tensor, " D"]:
    """Go from a video file to an embedding, by way of JPEG files."""
    with tempfile.TemporaryDirectory() as folder:
        with parts.part("decoding to JPEG"):
            num_frames = _store_frames(video, Path(folder))
        with parts.part("reading JPEG"):
            # As the official code rounds: fractions are dropped.
            places = (np.arange(NUM_FRAMES) + 0.5) * num_frames / NUM_FRAMES - 0.5
            pictures = [
                Image.open(_frame(Path(folder), place)).convert("RGB")
                for place in places.astype(int).tolist()
            ]
    with parts.part("transforms"):
        pixels = _normalised(
            [scale_and_crop(picture, towers.short_side, towers.size) for picture in pictures],
            towers,
        )
    with parts.part("tower"):
        return F.normalize(towers.encode_frames(pixels).mean(dim=0), dim=-1)


def score(
    towers: Towers, clip: Float[Tensor, " D"], prompts: Float[Tensor, "P D"]
) -> Float[Tensor, " N"]:
    """Compare a clip with every label: softmax for each template, then their mean."""
    logits = (towers.logit_scale * prompts @ clip).view(len(towers.templates), -1)
    return logits.softmax(dim=-1).mean(dim=0)


def scale_and_crop(picture: Image.Image, short_side: int, size: int) -> Image.Image:
    """Scale a picture's short side and cut a square from its middle."""
    scale = short_side / min(picture.size)
    wide, high = (int(side * scale) for side in picture.size)
    left, top = round((wide - size) / 2), round((high - size) / 2)
    scaled = picture.resize((wide, high), Image.Resampling.BICUBIC)
    return scaled.crop((left, top, left + size, top + size))


def _store_frames(video: Path, folder: Path) -> int:
    num_frames = 0
    with av.open(str(video)) as container:
        container.streams.video[0].thread_type = "AUTO"  # as the program ffmpeg does
        for num_frames, frame in enumerate(container.decode(video=0), start=1):
            frame.to_image().save(_frame(folder, num_frames - 1), quality=_JPEG_QUALITY)
    return num_frames


def _frame(folder: Path, place: int) -> Path:
    return folder / f"img_{place + 1:05}.jpg"


def _normalised(pictures: Sequence[Image.Image], towers: Towers) -> Float[Tensor, "T 3 S S"]:
    stacked = torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))
    pixels = stacked.permute(0, 3, 1, 2).contiguous().float().div(255)  # (T, 3, S, S)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (towers.mean, towers.std))
    return (pixels - mean) / std
