"""Examples of what to search for: a clip, or a moment of an indexed video, becomes an embedding.

A clip is read and embedded as any video is. A moment of an indexed video is written
"archive:ID@12.5-15", its video's name and seconds; its features are in the archive, so nothing is
decoded.

Shapes:
    X: examples   T: frames of a clip   E: width of a row of vision features   D: of an embedding
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.archive.query import Examples
from actionclip.archive.tables import Tables
from actionclip.core import encode
from actionclip.recognizer import Recognizer
from actionclip.timeline import engine

PREFIX = "archive:"
"""Of a moment of an indexed video; a file whose name begins so is written ./archive:..."""
_MOMENT = re.compile(r"archive:(?P<video>[0-9a-f]+)@(?P<start>\d+\.?\d*)-(?P<end>\d+\.?\d*)")

NUM_USUAL = 2048
"""Windows of the archive that tell what is usual."""

Like = str | Path
"""A clip, or a moment of an indexed video."""


@dataclass(frozen=True)
class IndexedMoment:
    """A moment of an indexed video, as an example."""

    video: str
    start_seconds: float
    end_seconds: float

    def __str__(self) -> str:
        return f"{PREFIX}{self.video}@{self.start_seconds:g}-{self.end_seconds:g}"


def parse(example: Like) -> Path | IndexedMoment:
    """Tell a file from a moment of an indexed video.

    Raises:
        ValueError: a moment is not written as it should be, or nothing is.
    """
    if not os.fspath(example):
        raise ValueError(f"like: the path is empty; give a clip, or {PREFIX}ID@START-END")
    if not (isinstance(example, str) and example.startswith(PREFIX)):
        return Path(example)
    written = _MOMENT.fullmatch(example)
    if written is None:
        raise ValueError(
            f"{example}: no moment of an indexed video; write {PREFIX}ID@START-END, as a hit has it"
        )
    return IndexedMoment(written["video"], float(written["start"]), float(written["end"]))


def name_of(words: str | None, examples: Sequence[Like]) -> str:
    """Return what is searched for, for people: the words, and what it is like."""
    parsed = (parse(example) for example in examples)
    names = (f"like {each.name if isinstance(each, Path) else each}" for each in parsed)
    return ", ".join([*([words] if words else []), *names])


def read(
    recognizer: Recognizer, tables: Tables, examples: Sequence[Like], steps_per_second: float
) -> Examples | None:
    """Embed examples, and measure how alike windows of the archive usually are; None for none.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a clip cannot be decoded, or a moment is of no indexed video or outside of it.
    """
    if not examples:
        return None
    parsed = [parse(example) for example in examples]
    embeddings = torch.stack(
        [
            recognizer.embed(each)
            if isinstance(each, Path)
            else _embed_moment(recognizer, tables, each, steps_per_second)
            for each in parsed
        ]
    ).float()
    windows = tables.sample(NUM_USUAL, embeddings.shape[1]).to(embeddings.device)
    usual = windows.mean(dim=0) if len(windows) else torch.zeros_like(embeddings[0])
    return Examples(embeddings, embeddings @ usual)


def _embed_moment(
    recognizer: Recognizer, tables: Tables, moment: IndexedMoment, steps_per_second: float
) -> Float[Tensor, " D"]:
    seconds = {file.video: file.seconds for file in tables.files() if file.state != "failed"}.get(
        moment.video
    )
    if seconds is None:
        raise ValueError(
            f"{moment}: {tables.address} has no video of this name; take one from a hit"
        )
    start, end = moment.start_seconds, moment.end_seconds
    if not start < end <= seconds + 1 / steps_per_second:
        raise ValueError(
            f"{moment}: no part of the video, which has {seconds:g} seconds; give a start, and an "
            "end after it"
        )
    first_step = int(start * steps_per_second)
    end_step = max(first_step + 1, round(end * steps_per_second))
    model = recognizer.model
    steps = engine.clip_steps(first_step, end_step, model.config.num_frames)
    rows = {step: tables.steps(moment.video, step, step + 1)[1] for step in sorted(set(steps))}
    features = [rows[step] for step in steps if len(rows[step])]  # a video may begin late
    if not features:
        raise ValueError(f"{moment}: the video shows no picture then; give another part")
    frames = encode.project_frames(model, torch.cat(features))  # (T, F)
    return encode.embed_frame_features(model, frames[None])[0]
