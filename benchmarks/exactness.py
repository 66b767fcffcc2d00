"""Do the short cuts change answers? 200 clips through the fast ways and through the plain ones.

    python benchmarks/exactness.py [--models lite ViT-B/32] [--clips 200] [--num-labels 400]

Fast: what `recognize_all` does, prompts with shared beginnings, `lite` by ONNX Runtime, CLIP's
last block for one token, several clips at a time, `auto` precision. Plain: fp32, every prompt by
itself, the networks as their packages have them, one clip at a time. Both see the same frames.
Prints in how many clips the best label is the same, and how far scores are apart at most.

Shapes:
    V: videos   N: labels
"""

from __future__ import annotations

import argparse
import os
import tempfile
import unittest.mock
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import agreement
import clips
import measuring
import random_clip
import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.core import encode, scoring
from actionclip.model.encoders import clip_blocks
from actionclip.recognizer import Recognizer
from actionclip.text import label_sets, prompts

SECONDS = 10
HEIGHT = 256


def fast(recognizer: Recognizer, videos: Sequence[Path], labels: Sequence[str]) -> Tensor:
    """Score as the product does; (V, N)."""
    return agreement.scores_in_order(recognizer.recognize_all(videos, labels), labels)


def plain(
    recognizer: Recognizer, videos: Sequence[Path], labels: Sequence[str]
) -> Float[Tensor, "V N"]:
    """Score with nothing left out; where gradients are on, no other short cut is taken."""
    model, scale = recognizer.model, float(recognizer.model.logit_scale.detach().exp())
    sentences = prompts.fill(recognizer.templates, labels)
    with torch.enable_grad():
        texts = torch.cat([model.embed_texts([text]).detach() for text in sentences])
    texts = texts.unflatten(0, (-1, len(labels)))  # (K, N, D)
    rows = []
    for video in videos:
        frames = recognizer.read_frames(video)
        with (
            torch.enable_grad(),
            unittest.mock.patch.object(clip_blocks, "last_block", _whole_block),
        ):
            embedding = model.embed_clips(encode.make_clip(model, frames)[None]).detach()
        rows.append(
            scoring.probabilities(embedding, texts, scale / model.calibration.temperature)[0]
        )
    return torch.stack(rows)


def _whole_block(block: Any, tokens: Tensor) -> Tensor:  # noqa: ANN401
    return block(tokens, attention_mask=None)[:, :1]


def main() -> None:
    """Print a line for each model."""
    parser = argparse.ArgumentParser(description="Compare answers with those of plain ways.")
    parser.add_argument("--models", nargs="+", default=["lite", "ViT-B/32"])
    parser.add_argument("--clips", type=int, default=200)
    parser.add_argument("--num-labels", type=int, default=400)
    arguments = parser.parse_args()
    print(measuring.circumstances())
    labels = label_sets.load("kinetics400")[: arguments.num_labels]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")  # nothing is known before
        videos = clips.folder(folder / "videos", HEIGHT, SECONDS, arguments.clips)
        for model in arguments.models:
            weights = random_clip.weights_of(model, folder)
            quick = Recognizer.load(weights)
            ours = fast(quick, videos, labels)
            expected = plain(Recognizer.load(weights, precision="fp32"), videos, labels)
            same = int((ours.argmax(dim=-1) == expected.argmax(dim=-1)).sum())
            print(
                f"{model} ({quick.model.precision}): same best label in {same} of {len(ours)} "
                f"clips ({len(expected.argmax(dim=-1).unique())} labels are best in some), scores "
                f"at most {float((ours - expected).abs().max()):.1e} apart, {len(labels)} labels"
            )


if __name__ == "__main__":
    main()
