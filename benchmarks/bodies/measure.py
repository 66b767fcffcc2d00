"""How well do bodies name real clips, alone and beside things? And what should each stream count?

    python benchmarks/bodies/measure.py ../shared LANDMARKS [--weights FILE] [--fit]

LANDMARKS holds a file for each clip, `videos__falls__reading__Subject_1_ADL_10.mp4.npz`, with the
`points`, `visibility` and `presence` of `pose_tracking.Landmarks` and the `times` of the frames.
`--fit` searches the shares of both streams on all sets but one, and measures on that one.

Shapes:
    N: labels   W: windows   D: width
"""

from __future__ import annotations

import argparse
import csv
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip import Recognizer
from actionclip.model.encoders import bodies
from actionclip.model.encoders.bodies import LOGIT_SCALE, Bodies
from actionclip.model.encoders.lite import LiteEncoder

FALLING = "falling down"
GRID = {
    "SHARE": (0.0, 0.3, 0.6, 0.8, 1.0, 1.3),
    "SHARE_UNSEEN": (0.0, 0.3, 0.6, 0.8, 1.0, 1.4),
    "UNKNOWN_THINGS": (0.2, 0.3, 0.4),
    "KNOWN_THINGS": (0.7, 0.8, 0.9),
}


@dataclass
class Clip:
    """One clip and what both streams say of it."""

    name: str
    label: int
    things: Float[Tensor, " N"]
    """Logits, of all labels of its set."""
    bodies: Float[Tensor, "W D"]


@dataclass
class ClipSet:
    """Clips that are compared with the same labels."""

    labels: list[str]
    clips: list[Clip]
    sentences: Float[Tensor, "N D"]
    things_nearness: Float[Tensor, " N"]


def main() -> None:
    """Measure, and fit if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("landmarks", type=Path)
    parser.add_argument("--weights", type=Path)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    model = Bodies.from_package()
    if arguments.weights:
        stored = safetensors.torch.load_file(arguments.weights)
        model.taught = torch.zeros(stored["taught"].shape)
        model.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    sets = read(arguments.shared, arguments.landmarks, model)
    print("bodies alone")
    report(sets.items(), {name: bodies_alone(each, model) for name, each in sets.items()})
    print("things alone")
    report(
        sets.items(), {name: [clip.things for clip in each.clips] for name, each in sets.items()}
    )
    print("joined")
    report(sets.items(), {name: joined(each, model) for name, each in sets.items()})
    if arguments.fit:
        for left_out in (*sets, "nothing"):
            others = [each for name, each in sets.items() if name != left_out]
            print(f"fitted without {left_out}:", fit(others, model))
            report(sets.items(), {name: joined(each, model) for name, each in sets.items()})


@torch.inference_mode()
def read(shared: Path, landmarks: Path, model: Bodies) -> dict[str, ClipSet]:
    """Read all clips whose landmarks there are, in sets."""
    listed = []
    for folder in ("videos", "web-clips"):
        with (shared / folder / "manifest.csv").open(encoding="utf-8") as file:
            listed += [(f"{folder}/{row['path']}", row["label"]) for row in csv.DictReader(file)]
    lists = {
        "web-clips": _lines(shared / "web-clips" / "labels-141.txt"),
        "videos/mixed": _lines(shared / "labels-mixed.txt"),
    }
    recognizer = Recognizer.load("lite")
    lite = recognizer.model.encoder
    assert isinstance(lite, LiteEncoder)
    sets = {}
    for name in ("web-clips", "videos/mixed", "videos/falls", "videos/weizmann"):
        clips = [each for each in listed if each[0].startswith(name)]
        clips = [each for each in clips if each[1] != "other"]  # says nothing about an action
        labels = lists.get(name) or sorted({label for _, label in clips})
        texts = recognizer.embed_labels(labels)[0]  # (N, D)
        tokens = lite.tokenize(labels)
        classes = F.normalize(lite.class_features, dim=-1)
        made = ClipSet(
            labels,
            [],
            F.normalize(lite.text_tower(tokens), dim=-1),
            (F.normalize(lite.text_features(tokens), dim=-1) @ classes.T).amax(dim=1),
        )
        for path, label in clips:
            found = landmarks / f"{path.replace('/', '__')}.npz"
            if found.exists():
                embedding = recognizer.embed_frames(recognizer.read_frames(shared / path))
                things = recognizer.model.logit_scale.exp() * texts @ embedding
                vectors = model.window_features(*_joints(found))
                made.clips.append(Clip(path, labels.index(label), things, vectors))
        sets[name] = made
    return sets


def bodies_alone(clips: ClipSet, model: Bodies) -> list[Float[Tensor, " N"]]:
    """Score all labels as if bodies knew them alike."""
    texts = F.normalize((clips.sentences - model.text_center) @ model.text_projection, dim=-1)
    return [LOGIT_SCALE * texts @ clip.bodies.mean(dim=0) for clip in clips.clips]


def joined(clips: ClipSet, model: Bodies) -> list[Float[Tensor, " N"]]:
    """Add what bodies say of a label to what things say of it."""
    texts = model.text_features(clips.sentences, clips.things_nearness)
    return [clip.things + LOGIT_SCALE * texts @ clip.bodies.mean(dim=0) for clip in clips.clips]


def fit(sets: Sequence[ClipSet], model: Bodies) -> dict[str, float]:
    """Search the shares that make the right labels likeliest; they stay set in the module."""

    def surprise(values: tuple[float, ...]) -> float:
        for name, value in zip(GRID, values, strict=True):
            setattr(bodies, name, value)
        return sum(_surprise(each, joined(each, model)) for each in sets)

    best = min(itertools.product(*GRID.values()), key=surprise)
    surprise(best)
    return dict(zip(GRID, best, strict=True))


def report(
    sets: Iterable[tuple[str, ClipSet]], logits: dict[str, list[Float[Tensor, " N"]]]
) -> None:
    """Print how often the right label is the first or among five, and how falls are told apart."""
    for name, clips in sets:
        ranks = [
            int((scores > scores[clip.label]).sum()) if scores.any() else len(clips.labels)
            for clip, scores in zip(clips.clips, logits[name], strict=True)
        ]
        first, five = sum(rank == 0 for rank in ranks), sum(rank < 5 for rank in ranks)
        surprise = _surprise(clips, logits[name])
        line = f"  {name}: {first} and {five} of {len(ranks)}, surprise {surprise:.2f}"
        if FALLING in clips.labels:
            line += f"; {_falls(clips, logits[name])}"
        print(line, flush=True)


def _falls(clips: ClipSet, logits: list[Tensor]) -> str:
    """Count falls that are found, false alarms, and the area under the curve."""
    falling = clips.labels.index(FALLING)
    fell = [clip.label == falling for clip in clips.clips]
    scores = [float(each.softmax(dim=0)[falling]) for each in logits]
    named = [int(each.argmax()) == falling and bool(each.any()) for each in logits]
    positive = [score for score, is_fall in zip(scores, fell, strict=True) if is_fall]
    negative = [score for score, is_fall in zip(scores, fell, strict=True) if not is_fall]
    area = np.mean([(a > b) + (a == b) / 2 for a in positive for b in negative])
    hits = sum(both for both in map(all, zip(named, fell, strict=True)))
    alarms = sum(named) - hits
    return f"{hits} of {sum(fell)} falls, {alarms} false alarms, AUROC {area:.3f}"


def _surprise(clips: ClipSet, logits: list[Tensor]) -> float:
    """Average the negative log-likelihood of the right labels."""
    return float(
        np.mean(
            [
                -float(scores.log_softmax(dim=0)[clip.label])
                for clip, scores in zip(clips.clips, logits, strict=True)
            ]
        )
    )


def _joints(path: Path) -> tuple[Tensor, Tensor]:
    """Read the joints of the most prominent person."""
    with np.load(path) as archive:
        arrays = {name: torch.from_numpy(archive[name]) for name in archive}
    visibility = arrays["visibility"][:, 0] * (arrays["presence"][:, :1] > 0)
    joints = bodies.joints_from_blazepose(arrays["points"][:, 0], visibility)
    return joints, arrays["times"].float()


def _lines(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip()]


if __name__ == "__main__":
    main()
