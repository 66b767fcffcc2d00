"""Words alone against words and example clips: what 1, 2 and 4 examples of an action are worth.

    python benchmarks/described_actions.py ../shared [--draws 10] [--seed 0] [--fit]

Clips and labels are those of `videos` and `web-clips`. In each draw every label gets up to so many
of its clips as examples, and keeps one at least to be tested; labels with one clip have none. What
is an example is not tested. Prints for each set, with words alone, with both and with the examples
alone: how many of the tested clips get the right label first, with the difference that both make
and its interval (clips are drawn anew); for the labels with examples, each alone beside "none of
these", the AUROC, and how many of its clips and of others reach the default threshold.

`--fit` chooses the weights of the parts, and where their middle is, on all sets but one, for each
in turn, and prints what the choice is worth on the set that was left out; then the choice on all.

Shapes:
    B: tested clips   N: labels   K: templates   D: width of an embedding
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics.functional.classification import binary_auroc

from actionclip.core import prototypes, scoring
from actionclip.core.actions import Embedded
from actionclip.core.examples import ExampleEmbedder
from actionclip.core.reading import ClipReader
from actionclip.model.encoders.encoder import ExamplePart
from actionclip.recognizer import Recognizer
from actionclip.text.actions import Action, Example
from actionclip.video.decoder import Decoder

SHOTS = (1, 2, 4)
FOLDERS = {
    "Weizmann": ("videos/weizmann",),
    "falls": ("videos/falls",),
    "web and mixed": ("web-clips", "videos/mixed"),
    "all": ("web-clips", "videos/mixed", "videos/falls", "videos/weizmann"),
}
LISTS = {"web-clips": "web-clips/labels-141.txt", "videos/mixed": "labels-mixed.txt"}
"""Of the other folders the labels are those of their clips."""
NUM_RESAMPLES = 2000
THINGS, BODIES = (0.05, 0.1, 0.15, 0.2), (0.1, 0.15, 0.2, 0.3)
"""Weights that are tried, as multiples of those of the words."""
MIDDLES = (0.2, 0.35, 0.5)
LEAST_LOG = -8.0
"""A clip that is scored worse counts so much."""


class ClipSet(NamedTuple):
    """Clips, and the labels that are asked."""

    labels: list[str]
    truth: list[int]
    clips: Float[Tensor, "B D"]


class Case(NamedTuple):
    """A draw."""

    shots: int
    examples: Mapping[int, Float[Tensor, "_ D"]]
    """By label."""
    tested: list[int]


class Measured(NamedTuple):
    """What one way of describing labels is worth in one draw."""

    right: Bool[np.ndarray, " B"]
    log_likelihood: float
    auroc: float
    named: float
    """Share of the clips of a label that reach the threshold, mean over labels."""
    false: float
    """Share of the other clips that do."""
    log_alone: float
    """Log-likelihood beside "none of these", clips of the label and others counting the same."""


class Bench:
    """A model, and its words."""

    def __init__(self, recognizer: Recognizer, sets: Mapping[str, ClipSet]) -> None:
        self.model = recognizer.model
        self.sets = sets
        self.parts = self.model.encoder.example_parts
        self.words = {name: recognizer.embed_labels(each.labels) for name, each in sets.items()}
        self.background = recognizer.embed_labels(self.model.calibration.background)

    def embedded(self, name: str, case: Case, way: str) -> Embedded:
        """Describe the labels of a set by words, by both, or by examples where there are some."""
        vectors = self.words[name].clone()  # (K, N, D)
        offsets = torch.zeros(vectors.shape[1])
        for label, examples in case.examples.items() if way != "words" else ():
            alone = way == "examples"
            words = self.background.mean(dim=1) if alone else vectors[:, label]
            joined = prototypes.join(words, examples, self.parts, alone=alone)
            vectors[:, label], offsets[label] = joined.vectors, joined.offset
        return Embedded(vectors, offsets, {})

    def measure(self, name: str, case: Case, way: str) -> Measured:
        """Score the tested clips."""
        chosen, calibration = self.sets[name], self.model.calibration
        clips, scale = chosen.clips[case.tested], self.model.scale
        truth = torch.tensor([chosen.truth[number] for number in case.tested])
        logits = self.embedded(name, case, way).logits(clips, scale, calibration.temperature)
        closed = scoring.mean_scores(logits / calibration.temperature)
        none = scoring.logits(clips, self.background, scale).mean(dim=-1)
        fitted = {"temperature": calibration.temperature, "margin": calibration.margin}
        alone = scoring.each_beside_none(logits, none, **fitted).double()
        return Measured(
            (closed.argmax(dim=1) == truth).numpy(),
            float(closed.gather(1, truth[:, None]).log().clamp(min=LEAST_LOG).mean()),
            *self.alone(alone, truth, list(case.examples)),
        )

    def alone(
        self, scores: Float[Tensor, "B N"], truth: Int[Tensor, " B"], labels: Sequence[int]
    ) -> tuple[float, float, float, float]:
        """Measure each label with examples beside "none of these"; return the means."""
        rows = []
        for label in labels:
            shows, score = truth == label, scores[:, label]
            logs = torch.where(shows, score, 1 - score).log().clamp(min=LEAST_LOG)
            reaches = (score >= self.model.calibration.threshold_of("")).double()
            rows.append(
                [
                    float(binary_auroc(score, shows.long())),
                    *(float(reaches[which].mean()) for which in (shows, ~shows)),
                    float(logs[shows].mean() + logs[~shows].mean()) / 2,
                ]
            )
        auroc, named, false, log_alone = np.mean(rows, axis=0).tolist()
        return auroc, named, false, log_alone


def main() -> None:
    """Measure, and choose the constants if asked to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shared", type=Path)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--fit", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    with Recognizer.load("lite") as recognizer, torch.inference_mode():
        clips = embed(recognizer, arguments.shared)
        sets = {name: clip_set(arguments.shared, name, clips) for name in FOLDERS}
        bench = Bench(recognizer, sets)
        cases = {
            name: list(draws(each, arguments.draws, arguments.seed)) for name, each in sets.items()
        }
        for name in FOLDERS:
            for shots in SHOTS:
                report(bench, name, [case for case in cases[name] if case.shots == shots])
        if arguments.fit:
            fit(bench, cases)


def embed(recognizer: Recognizer, shared: Path) -> dict[str, tuple[str, Float[Tensor, " D"]]]:
    """Embed all clips as examples are, through the cache; return label and embedding by path."""
    listed: dict[str, str] = {}
    for top in ("videos", "web-clips"):
        with (shared / top / "manifest.csv").open(encoding="utf-8") as file:
            rows = {f"{top}/{row['path']}": row["label"] for row in csv.DictReader(file)}
        listed |= {path: label for path, label in rows.items() if label != "other"}
    prefixes = tuple(prefix for folders in FOLDERS.values() for prefix in folders)
    paths = [path for path in listed if path.startswith(prefixes)]
    with Decoder() as decoder:
        embedder = ExampleEmbedder(recognizer.model, ClipReader(recognizer.model, [decoder]))
        examples = tuple(Example(shared / path) for path in paths)
        rows = embedder.embed(Action("all", words=(), examples=examples))
    return {path: (listed[path], row) for path, row in zip(paths, rows, strict=True)}


def clip_set(
    shared: Path, name: str, clips: Mapping[str, tuple[str, Float[Tensor, " D"]]]
) -> ClipSet:
    """Collect the clips and the labels of some folders."""
    labels: set[str] = set()
    chosen = [clips[path] for path in sorted(clips) if path.startswith(FOLDERS[name])]
    for folder in FOLDERS[name]:
        labels |= {label for path, (label, _) in clips.items() if path.startswith(folder)}
        if folder in LISTS:
            lines = (shared / LISTS[folder]).read_text(encoding="utf-8").split("\n")
            labels |= {line.strip() for line in lines if line.strip()}
    ordered = sorted(labels)
    truth = [ordered.index(label) for label, _ in chosen]
    return ClipSet(ordered, truth, torch.stack([row for _, row in chosen]))


def draws(clips: ClipSet, number: int, seed: int) -> Iterator[Case]:
    """Draw examples of each label; one clip of each stays to be tested."""
    of_label: defaultdict[int, list[int]] = defaultdict(list)
    for clip, label in enumerate(clips.truth):
        of_label[label].append(clip)
    for shots, draw in itertools.product(SHOTS, range(number)):
        rng = random.Random(f"{seed} {draw}")
        taken = {
            label: rng.sample(of_label[label], len(of_label[label]))[
                : min(shots, len(of_label[label]) - 1)
            ]
            for label in sorted(of_label)
        }
        used = {clip for those in taken.values() for clip in those}
        yield Case(
            shots,
            {label: clips.clips[those] for label, those in taken.items() if those},
            [clip for clip in range(len(clips.truth)) if clip not in used],
        )


def report(bench: Bench, name: str, cases: Sequence[Case]) -> None:
    """Print what examples are worth in one set."""
    found = {
        way: [bench.measure(name, case, way) for case in cases]
        for way in ("words", "both", "examples")
    }
    low, high = interval(cases, found["words"], found["both"])
    top = {way: np.mean([each.right.mean() for each in those]) for way, those in found.items()}
    with_examples = np.mean([len(case.examples) for case in cases])
    print(
        f"{name}, {len(bench.sets[name].labels)} labels, {cases[0].shots} examples for "
        f"{with_examples:.0f} of them, {np.mean([len(case.tested) for case in cases]):.0f} tested: "
        f"top-1 words {top['words']:.3f}, both {top['both']:.3f} ({top['both'] - top['words']:+.3f}"
        f", {low:+.3f} to {high:+.3f}), examples {top['examples']:.3f}"
    )
    for way, those in found.items():
        means = np.mean([each[1:] for each in those], axis=0)
        print(
            f"  {way}: log-likelihood {means[0]:.3f}; beside none AUROC {means[1]:.3f}, named "
            f"{means[2]:.2f}, false {means[3]:.3f}, log-likelihood {means[4]:.3f}"
        )


def interval(
    cases: Sequence[Case], before: Sequence[Measured], after: Sequence[Measured]
) -> tuple[float, float]:
    """Return the 95 % interval of the difference of top-1: clips are drawn anew."""
    gains: defaultdict[int, list[float]] = defaultdict(list)
    for case, one, other in zip(cases, before, after, strict=True):
        for clip, gain in zip(case.tested, other.right.astype(float) - one.right, strict=True):
            gains[clip].append(gain)
    sums = np.array([(sum(values), len(values)) for values in gains.values()])
    rng = np.random.default_rng(0)
    drawn = sums[rng.integers(len(sums), size=(NUM_RESAMPLES, len(sums)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    return float(low), float(high)


def fit(bench: Bench, cases: Mapping[str, Sequence[Case]]) -> None:
    """Choose constants on all sets but one, and print what they are worth on that one."""
    shipped, middle = bench.parts, prototypes.MIDDLE
    unit = shipped[0].weight / 0.1
    single = [name for name in FOLDERS if name != "all"]
    worth: dict[tuple[float, float, float], dict[str, tuple[float, float]]] = {}
    before = {name: total(bench, name, cases[name], "words") for name in single}
    for things, bodies, middle_tried in itertools.product(THINGS, BODIES, MIDDLES):
        bench.parts = weighted(shipped, (things * unit, bodies * unit))
        prototypes.MIDDLE = middle_tried
        worth[things, bodies, middle_tried] = {
            name: total(bench, name, cases[name], "both") for name in single
        }
    bench.parts, prototypes.MIDDLE = shipped, middle

    def gain(values: tuple[float, float, float], names: Sequence[str]) -> float:
        return sum(worth[values][name][0] - before[name][0] for name in names) / len(names)

    for left_out in (*single, None):
        others = [name for name in single if name != left_out]
        best = max(worth, key=lambda values: gain(values, others))
        print(
            f"chosen without {left_out}: things, bodies, middle {best}: {gain(best, others):+.3f}"
        )
        if left_out:
            top1 = worth[best][left_out][1] - before[left_out][1]
            print(f"  on {left_out}: {gain(best, [left_out]):+.3f}, top-1 {top1:+.3f}")


def weighted(parts: Sequence[ExamplePart], weights: Sequence[float]) -> tuple[ExamplePart, ...]:
    """Return the parts with other weights."""
    return tuple(p._replace(weight=w) for p, w in zip(parts, weights, strict=True))


def total(bench: Bench, name: str, cases: Sequence[Case], way: str) -> tuple[float, float]:
    """Return the log-likelihoods among labels and beside none, added, and top-1; means."""
    found = [bench.measure(name, case, way) for case in cases]
    logs = np.mean([each.log_likelihood + each.log_alone for each in found])
    return float(logs), float(np.mean([each.right.mean() for each in found]))


if __name__ == "__main__":
    main()
