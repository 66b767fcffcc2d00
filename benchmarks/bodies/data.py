"""Motions of data sets and of the library, and the sentences that say what they are.

    motions/motions.npz, motions2d.npz, manifest.csv.gz     13 joints, 15 frames a second

Shapes:
    N: frames of all motions   J: joints, thirteen   B: windows   T: frames of a window
"""

from __future__ import annotations

import csv
import gzip
import re
from dataclasses import dataclass
from pathlib import Path

import actions
import motions
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from actionclip.model.encoders.bodies import RATE

FREE = ("CMU mocap", "KayKit", "DeepMimic motions")
"""Beginnings of the names of data sets whose licences allow everything, but for SIE's."""
UNRESTRICTED = (
    *FREE,
    *("Kinder-Gator", "UTD-MHAD", "MSR-Action3D", "UTKinect", "Push-up videos"),
    *("MoveNet falls", "YouTube falls", "JHMDB"),
)
"""And those whose repositories state no restriction; see NOTICE."""
NON_COMMERCIAL = ("Bandai-Namco", "DeepMimic motions (SIE)", "MSRC-12", "UR Fall", "Le2i", "N-UCLA")
HELD_OUT = re.compile(
    r"utd_s[78]|msr_s(9|10)|utk_s(09|10)|nw_s(9|10)|msrc_p(2[6-9]|30)|kg_adult_9\d\d|kg_child_1\d\d"
)
"""People of whom nothing is trained on."""
LONGEST = 3.35
"""Seconds of a window."""
NUM_FRAMES = round(LONGEST * RATE)


@dataclass
class Motions:
    """Many motions, one after another."""

    frames: Float[Tensor, "N J 3"]
    starts: list[int]
    lengths: list[int]
    labels: list[str]
    descriptions: list[str]
    sources: list[str]
    people: list[str]
    flat: list[bool]

    def __len__(self) -> int:
        return len(self.starts)


def read(folder: Path, kinds: str) -> Motions:
    """Read the motions of data sets.

    Args:
        folder: holds the files above.
        kinds: "free", "unrestricted" or "all".
    """
    with gzip.open(folder / "manifest.csv.gz", "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    arrays = {}
    for name in ("motions.npz", "motions2d.npz"):
        with np.load(folder / name) as archive:
            arrays[name] = archive["frames"].astype(np.float32), archive["offsets"]
    made = Motions(torch.empty(0, 13, 3), [], [], [], [], [], [], [])
    pieces, total = [], 0
    for row in rows:
        if not _allowed(row["dataset"], kinds):
            continue
        frames, offsets = arrays[row["file"]]
        index = int(row["index"])
        piece = np.nan_to_num(frames[offsets[index] : offsets[index + 1]])
        flat = row["is_2d"] == "1"
        if flat:
            piece = np.concatenate([piece, np.zeros_like(piece[..., :1])], axis=-1)
        _add(made, pieces, piece, total, row["label"], row["description"], row["dataset"])
        made.people.append(row["subject"])
        made.flat.append(flat)
        total += len(piece)
    made.frames = torch.from_numpy(np.concatenate(pieces))
    return made


def draw(seed: int, per_action: int) -> Motions:
    """Draw motions of the library."""
    made = Motions(torch.empty(0, 13, 3), [], [], [], [], [], [], [])
    pieces, total = [], 0
    for number, (name, motion) in enumerate(actions.library().items()):
        # Falls are of so many kinds that some more are needed.
        for performance in range(per_action * (4 if name == "fall down" else 1)):
            rng = np.random.default_rng([seed, number, performance])
            piece = motions.joints(motion(rng), rng).astype(np.float32)
            _add(made, pieces, piece, total, name, "", "procedural")
            made.people.append("")
            made.flat.append(False)
            total += len(piece)
    made.frames = torch.from_numpy(np.concatenate(pieces))
    return made


def join(first: Motions, second: Motions) -> Motions:
    """Put two sets into one."""
    after = len(first.frames)
    return Motions(
        torch.cat([first.frames, second.frames]),
        first.starts + [start + after for start in second.starts],
        first.lengths + second.lengths,
        first.labels + second.labels,
        first.descriptions + second.descriptions,
        first.sources + second.sources,
        first.people + second.people,
        first.flat + second.flat,
    )


def windows(
    motions_: Motions, chosen: Int[Tensor, " B"], rng: Generator
) -> tuple[Float[Tensor, "B T J 3"], Bool[Tensor, "B T"]]:
    """Cut a window out of each chosen motion, at another speed; some begin or end still."""
    numbers = chosen.tolist()
    starts = torch.tensor([motions_.starts[number] for number in numbers])
    lengths = torch.tensor([motions_.lengths[number] for number in numbers])
    seconds = lengths / motions.FRAME_RATE

    def between(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(len(chosen), generator=rng)

    part = torch.where(seconds > 4, between(1.5, LONGEST), seconds * between(0.75, 1))
    begin = between(0, 1) * (seconds - part)
    still = between(0, 1) < 0.3
    before, after = between(-0.3, 1.0).clamp(min=0) * still, between(-0.3, 1.0).clamp(min=0) * still
    speed = torch.exp(between(-0.25, 0.25))
    whole = (part + before + after) / speed
    count = (whole * RATE).round().clamp(min=4, max=NUM_FRAMES)
    frame = torch.arange(NUM_FRAMES)
    times = begin[:, None] - before[:, None] + frame * (speed / RATE)[:, None]
    times = torch.minimum(times, (begin + part)[:, None])
    place = (times * motions.FRAME_RATE).clamp(min=0)
    place = torch.minimum(place, (lengths - 1)[:, None].float())
    low = place.long()
    high = torch.minimum(low + 1, (lengths - 1)[:, None])
    share = (place - low)[..., None, None]
    frames = motions_.frames
    points = frames[starts[:, None] + low] * (1 - share) + frames[starts[:, None] + high] * share
    return points, frame < count[:, None]


def sentences(path: Path) -> dict[str, tuple[list[str], list[str]]]:
    """Read the wider names and the phrases of each name of a motion."""
    read_ = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, wider, phrases = line.split("\t")
            read_[name] = [each for each in wider.split(" | ") if each], phrases.split(" | ")
    return read_


def swap_sides(text: str) -> str:
    """Say left for right and right for left."""
    other = {"left": "right", "right": "left", "clockwise": "counter-clockwise"}
    other["counter-clockwise"] = "clockwise"
    pattern = r"\b(left|right|counter-clockwise|clockwise)\b"
    return re.sub(pattern, lambda match: other[match[0]], text)


def _add(
    made: Motions, pieces: list, piece: np.ndarray, start: int, label: str, said: str, source: str
) -> None:
    pieces.append(piece)
    made.starts.append(start)
    made.lengths.append(len(piece))
    made.labels.append(label)
    made.descriptions.append(said)
    made.sources.append(source)


def _allowed(dataset: str, kinds: str) -> bool:
    if kinds == "all":
        return True
    chosen = FREE if kinds == "free" else UNRESTRICTED
    return dataset.startswith(chosen) and not dataset.startswith(NON_COMMERCIAL)
