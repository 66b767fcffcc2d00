"""A peer, used as its documentation shows: X-CLIP of `transformers`, with random weights.

A video is decoded up to the last wanted frame; every label is tokenized, padded to the longest, and
encoded again for every video, since its prompts depend on the video. It has one text per label.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
import torch
from measuring import Parts
from PIL import Image
from reference import scale_and_crop
from tokenizers import Tokenizer
from torch import nn
from transformers import XCLIPConfig, XCLIPModel

from actionclip.model.encoders import clip_tokenizer
from actionclip.model.layouts import openai
from actionclip.video import sampling

NUM_FRAMES = 8
_SHORT_SIDE = _SIZE = 224


class Peer(NamedTuple):
    """What answers."""

    model: nn.Module
    tokenizer: Tokenizer


def load() -> Peer:
    """Make the model in the sizes of microsoft/xclip-base-patch32, which are the default."""
    torch.manual_seed(0)
    tokenizer = clip_tokenizer.for_vocabulary(clip_tokenizer.VOCABULARY_SIZE, num_tokens=77)
    assert tokenizer is not None
    return Peer(XCLIPModel(XCLIPConfig()).eval(), tokenizer)


def recognize(peer: Peer, video: Path, labels: Sequence[str], parts: Parts) -> torch.Tensor:
    """Give a score for each label."""
    with parts.part("decoding"):
        pictures = _read_frames(video)
    with parts.part("transforms"):
        cropped = [scale_and_crop(picture, _SHORT_SIDE, _SIZE) for picture in pictures]
        mean, std = np.array(openai.PIXEL_MEAN), np.array(openai.PIXEL_STD)
        pixels = (np.stack([np.asarray(picture) for picture in cropped]) / 255 - mean) / std
        clip = torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous().float()  # (T, 3, S, S)
    with parts.part("labels and tower"):
        encodings = peer.tokenizer.encode_batch(list(labels))
        told = peer.model(
            input_ids=torch.tensor([encoding.ids for encoding in encodings]),
            attention_mask=torch.tensor([encoding.attention_mask for encoding in encodings]),
            pixel_values=clip[None],
        )
        return told.logits_per_video[0].softmax(dim=-1)


def _read_frames(video: Path) -> list[Image.Image]:
    with av.open(str(video)) as container:
        wanted = sampling.segment_middles(container.streams.video[0].frames, NUM_FRAMES).tolist()
        pictures = []
        for place, frame in enumerate(container.decode(video=0)):
            if place in wanted:
                pictures.append(frame.to_image())
            if place == wanted[-1]:
                break
    return pictures
