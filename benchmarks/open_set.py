"""Clips of actions that are in the list, and of others: which score tells the two apart?

The folder holds folders, and each of those a folder for each action. Every clip of `mixed` is asked
with lists that hold what it shows, and with lists that do not; clips of the other folders with
lists of things that they do not show. Prints, for each score of "some label fits", AUROC with the
interval that drawing clips anew gives, and how many known clips can be named rightly at 95 and
80 % precision; then the calibration error before and after fitting on all known clips but the one
that is tested.

    python benchmarks/open_set.py [FOLDER] [--labels FILE] [--model lite] [--seed 0]
"""

from __future__ import annotations

import argparse
import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchmetrics.functional.classification import (
    binary_auroc,
    binary_recall_at_fixed_precision,
)

from actionclip.core import scoring
from actionclip.evaluation import calibration as fitting
from actionclip.evaluation import metrics
from actionclip.model.config import Calibration
from actionclip.recognizer import Recognizer
from actionclip.text import label_sets
from actionclip.text import labels as label_lists
from actionclip.video import files

LIST_LENGTHS = (2, 4, 6, 12)
"""And all labels."""
LISTS_OF_EACH_LENGTH = 5
LENGTH_FOR_FITTING = 6
SYNONYM = 0.6
"""From this cosine on an action of the background is taken to mean the same as a label."""
RELATED = 0.4
"""From this cosine on a clip is taken to show something of a label, too."""
NUM_RESAMPLES = 100
EVERYDAY = (
    "nothing happening",
    "an empty room",
    "a person standing still",
    "a person sitting",
    "a person talking to the camera",
    "people walking by",
    "a street scene",
    "a landscape",
    "an animal",
    "a building",
    "a blank screen",
    "text on a screen",
    "a close-up of an object",
    "a group of people talking",
    "vehicles passing",
    "a person's face",
)


@dataclass(frozen=True)
class Trial:
    """A clip and a list of labels that it is asked with."""

    clip: int
    labels: tuple[int, ...]
    true: int | None
    """Place of what the clip shows in the list; None if it is not there."""


@dataclass(frozen=True)
class Logits:
    """What one trial gives: the means over the templates, or every template where it matters."""

    labels: Float[Tensor, "1 K N"]
    everyday: Float[Tensor, " M"]
    actions: Float[Tensor, " M"]
    """The names of Kinetics-400 but those that mean the same as a label of the list."""
    background: Float[Tensor, "1 K"]
    """The mean of the background that is shipped."""


def main() -> None:
    """Embed every clip once, ask them all, print two tables."""
    parser = argparse.ArgumentParser(description='Compare scores of "none of these".')
    parser.add_argument("folder", type=Path, nargs="?", default=Path("../shared/videos"))
    parser.add_argument("--labels", type=Path, help="default: labels-mixed.txt beside the folder")
    parser.add_argument("--model", default="lite")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()

    start = time.perf_counter()
    recognizer = Recognizer.load(arguments.model)
    shipped = recognizer.model.encoder.calibration
    names = label_lists.read(arguments.labels or arguments.folder.parent / "labels-mixed.txt")
    videos = [
        path
        for path in files.find(arguments.folder)
        if path.parents[2] == arguments.folder  # others are single files, no clips of an action
    ]
    clips = torch.stack([recognizer.embed_frames(recognizer.read_frames(path)) for path in videos])
    ask = Questioner(recognizer, clips, names, shipped.background)

    generator = np.random.default_rng(arguments.seed)
    trials = ask.trials(videos, generator)
    num_known_clips = len({trial.clip for trial in trials if trial.true is not None})
    print(
        f"{arguments.folder}: {num_known_clips} clips of known actions, "
        f"{len(videos) - num_known_clips} others; {len(names)} labels, lists of {LIST_LENGTHS} and "
        f"all; {len(trials)} trials, seed {arguments.seed}; model {arguments.model}"
    )
    logits = [ask.logits(trial) for trial in trials]
    print_scores(trials, logits, shipped, generator)
    print_calibration(trials, logits, shipped)
    print(f"{time.perf_counter() - start:.0f} s")


class Questioner:
    """Compares clips with lists of labels and with everything that stands for "something else"."""

    def __init__(
        self,
        recognizer: Recognizer,
        clips: Float[Tensor, "B D"],
        names: list[str],
        background: tuple[str, ...],
    ) -> None:
        self.names = names
        self.embed = recognizer.embed_labels
        self.embeddings = self.embed(names)  # (K, N, D)
        actions = self.embed(label_sets.load("kinetics400"))  # (K, 400, D)
        centre = actions.mean(dim=(0, 1))
        self.near = self._cosines(self.embeddings - centre, actions - centre)  # (N, 400)
        scale = float(recognizer.model.logit_scale.detach().exp())
        self.label_logits = scoring.logits(clips, self.embeddings, scale)  # (B, K, N)
        self.actions = scoring.logits(clips, actions, scale).mean(dim=1)
        self.everyday = scoring.logits(clips, self.embed(EVERYDAY), scale).mean(dim=1)
        self.background = scoring.logits(clips, self.embed(background), scale).mean(dim=2)

    def trials(self, videos: list[Path], generator: np.random.Generator) -> list[Trial]:
        """Draw lists: of known clips with their label and without it, of others without."""
        spelled = {_spelling(name): place for place, name in enumerate(self.names)}
        every = np.arange(len(self.names))
        trials = []
        for clip, video in enumerate(videos):
            shown = video.parent.name.replace("_", " ")
            if video.parents[1].name == "mixed":
                own = spelled[_spelling(shown)]
                others, times = every[every != own], LISTS_OF_EACH_LENGTH
            else:
                related = self._cosines(self.embeddings, self.embed([shown]))[:, 0] >= RELATED
                own, others, times = None, every[~related.numpy()], 1
            lengths = [n for n in LIST_LENGTHS for _ in range(times)] + [len(others)]
            for length in lengths:
                drawn = tuple(generator.permutation(others)[:length].tolist())
                trials.append(Trial(clip, drawn, None))
                if own is not None:
                    trials.append(Trial(clip, (own, *drawn[1:]), 0))
        return trials

    def logits(self, trial: Trial) -> Logits:
        """Give what the clip of a trial says of its labels and of everything else."""
        chosen = list(trial.labels)
        is_other = self.near[chosen].amax(dim=0) < SYNONYM
        return Logits(
            self.label_logits[trial.clip : trial.clip + 1, :, chosen],
            self.everyday[trial.clip],
            self.actions[trial.clip, is_other],
            self.background[trial.clip : trial.clip + 1],
        )

    @staticmethod
    def _cosines(a: Float[Tensor, "K N D"], b: Float[Tensor, "K M D"]) -> Float[Tensor, "N M"]:
        a, b = (torch.nn.functional.normalize(x.mean(dim=0), dim=-1) for x in (a, b))
        return a @ b.T


def auroc(confidences: Float[Tensor, " B"], is_known: Bool[Tensor, " B"]) -> float:
    """Return how often a known clip is above an unknown one; .5 is chance, 1 is always.

    Args:
        confidences: any numbers that are larger where a label seems to fit.
        is_known: whether the list holds what the clip shows.
    """
    return float(binary_auroc(metrics.ranks(confidences)[0], is_known.long()))


def coverage_at_precision(
    confidences: Float[Tensor, " B"],
    is_right: Bool[Tensor, " B"],
    is_known: Bool[Tensor, " B"],
    precision: float = fitting.PRECISION,
) -> tuple[float, float]:
    """Return the share of known clips that can be named if names are to be right so often.

    Args:
        confidences: of the best label of each clip, any numbers.
        is_right: whether that label is; never for an unknown clip.
        is_known: whether the list holds what the clip shows.
        precision: how often a name has to be right, 0…1.

    Returns:
        The share, 0…1, and the confidence from which clips are named, infinite if none is.
    """
    places, values = metrics.ranks(confidences)
    if not is_right.any():
        return 0.0, math.inf
    recall, place = binary_recall_at_fixed_precision(places, is_right.long(), precision)
    if place.isnan():
        return 0.0, math.inf
    num_named = round(float(recall) * int(is_right.sum()))
    threshold = float(values[round(float(place) * (len(values) - 1))])
    return num_named / int(is_known.sum()), threshold


def scores(shipped: Calibration) -> dict[str, Callable[[Logits], Tensor]]:
    """Name the ways to say in one number that some label fits."""

    def best_beside(labels: Tensor, others: Tensor) -> Tensor:
        best = labels.mean(dim=(0, 1)).amax()
        return best - torch.cat([labels.mean(dim=(0, 1)), others]).logsumexp(dim=0)

    def standardised(logits: Logits) -> Tensor:
        best = logits.labels.mean(dim=(0, 1)).amax()
        return (best - logits.actions.mean()) / logits.actions.std()

    return {
        "best softmax score": lambda x: x.labels.softmax(dim=-1).mean(dim=(0, 1)).amax(),
        "best logit": lambda x: x.labels.mean(dim=(0, 1)).amax(),
        "energy": lambda x: x.labels.mean(dim=(0, 1)).logsumexp(dim=0),
        "beside everyday sentences": lambda x: best_beside(x.labels, x.everyday),
        "beside Kinetics-400": lambda x: best_beside(x.labels, x.actions),
        "standardised by Kinetics-400": standardised,
        "this project": lambda x: open_set(x, shipped.temperature, shipped.margin)[0].amax(),
    }


def open_set(logits: Logits, temperature: float, margin: float) -> tuple[Tensor, Tensor]:
    """Score a trial's labels and "none of these"."""
    return scoring.with_none(
        logits.labels, logits.background, temperature=temperature, margin=margin
    )


def print_scores(
    trials: list[Trial],
    logits: list[Logits],
    shipped: Calibration,
    generator: np.random.Generator,
) -> None:
    """Print how well each score tells known from unknown."""
    is_known = torch.tensor([trial.true is not None for trial in trials])
    clip = torch.tensor([trial.clip for trial in trials])
    is_right = torch.tensor(
        [
            trial.true is not None and int(each.labels.mean(dim=(0, 1)).argmax()) == trial.true
            for trial, each in zip(trials, logits, strict=True)
        ]
    )
    is_of_known_clip = torch.isin(clip, clip[is_known])
    resamples = _resamples(clip, is_known, generator)
    print(
        f"\n{'':30s}{'AUROC [95 % of draws]':>23s}{'left out':>10s}{'others':>8s}"
        f"{'95 %':>8s}{'80 %':>8s}"
    )
    for name, score in scores(shipped).items():
        confidences = torch.stack([score(each) for each in logits])
        drawn = [auroc(confidences[some], is_known[some]) for some in resamples]
        low, high = np.quantile(drawn, [0.025, 0.975])
        left_out = auroc(confidences[is_of_known_clip], is_known[is_of_known_clip])
        among = is_known | ~is_of_known_clip
        others = auroc(confidences[among], is_known[among])
        coverages = [
            coverage_at_precision(confidences, is_right, is_known, precision)[0]
            for precision in (0.95, 0.8)
        ]
        print(
            f"{name:30s}{auroc(confidences, is_known):9.3f} [{low:.3f}, {high:.3f}]"
            f"{left_out:9.3f}{others:8.3f}{coverages[0]:8.2f}{coverages[1]:8.2f}"
        )
    best = torch.stack([scores(shipped)["this project"](each) for each in logits])
    is_named = best >= shipped.threshold
    print(
        f"named at {shipped.threshold}: "
        f"{is_right[is_named].float().mean():.2f} of the names right, "
        f"{is_right[is_named].sum() / is_known.sum():.2f} of the known named rightly, "
        f"{is_named[~is_known].float().mean():.2f} of the unknown named"
    )


def print_calibration(trials: list[Trial], logits: list[Logits], shipped: Calibration) -> None:
    """Print calibration errors before fitting and after, on clips that took no part in it."""
    known = sorted({trial.clip for trial in trials if trial.true is not None})
    fitted = {clip: _fit(trials, logits, clip) for clip in known}
    temperatures, margins = (sorted(values) for values in zip(*fitted.values(), strict=True))
    print(
        f"\nfitted without one clip: temperature {temperatures[0]:.2f} to {temperatures[-1]:.2f}, "
        f"margin {margins[0]:.2f} to {margins[-1]:.2f}"
    )
    print(f"{'expected calibration error':30s}{'labels only':>12s}{'with none':>12s}")
    for name, numbers in {
        "before (temperature 1)": dict.fromkeys(known, (1.0, shipped.margin)),
        "after (fitted on the others)": fitted,
        f"as shipped (temperature {shipped.temperature})": dict.fromkeys(
            known, (shipped.temperature, shipped.margin)
        ),
    }.items():
        rows = [
            (each, trial.true, *numbers[trial.clip])
            for trial, each in zip(trials, logits, strict=True)
            if trial.clip in numbers
        ]
        print(f"{name:30s}{_closed_error(rows):12.3f}{_open_error(rows):12.3f}")


def _fit(trials: list[Trial], logits: list[Logits], left_out: int) -> tuple[float, float]:
    """Fit a temperature and a margin on all known clips but one."""
    some = [
        (each, trial.true)
        for trial, each in zip(trials, logits, strict=True)
        if trial.true is not None
        and trial.clip != left_out
        and len(trial.labels) == LENGTH_FOR_FITTING
    ]
    label_logits = torch.cat([each.labels for each, _ in some])
    background = torch.cat([each.background for each, _ in some])
    true = torch.tensor([place for _, place in some])
    temperature = fitting.fit_temperature(label_logits, true)
    return temperature, fitting.fit_margin(label_logits, background, true, temperature)


def _closed_error(rows: list[tuple[Logits, int | None, float, float]]) -> float:
    """Among labels that hold the true one, the softmax over them."""
    answers = [
        ((each.labels / temperature).softmax(dim=-1).mean(dim=(0, 1)), true)
        for each, true, temperature, _ in rows
        if true is not None
    ]
    return metrics.expected_calibration_error(
        torch.stack([answer.amax() for answer, _ in answers]),
        torch.tensor([int(answer.argmax()) == true for answer, true in answers]),
    )


def _open_error(rows: list[tuple[Logits, int | None, float, float]]) -> float:
    """Among labels and "none of these", which is right where the true one is not in the list."""
    confidences, is_right = [], []
    for each, true, temperature, margin in rows:
        labels, none = open_set(each, temperature, margin)
        answer = torch.cat([labels[0], none])
        confidences.append(answer.amax())
        is_right.append(int(answer.argmax()) == (labels.shape[1] if true is None else true))
    return metrics.expected_calibration_error(torch.stack(confidences), torch.tensor(is_right))


def _resamples(
    clip: Tensor, is_known: Tensor, generator: np.random.Generator
) -> list[Float[Tensor, " trials"]]:
    """Draw the clips anew, known and other ones apart, with all trials of each."""
    known = np.unique(clip[is_known].numpy())
    others = np.setdiff1d(clip.numpy(), known)
    places = {int(one): torch.nonzero(clip == one)[:, 0] for one in np.unique(clip.numpy())}
    return [
        torch.cat(
            [
                places[int(one)]
                for group in (known, others)
                if len(group)
                for one in generator.choice(group, len(group))
            ]
        )
        for _ in range(NUM_RESAMPLES)
    ]


def _spelling(name: str) -> str:
    """Write a name as its folder does, which has no punctuation."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower())


if __name__ == "__main__":
    main()
