"""What a model said of a data set becomes a report: numbers, intervals, and where they come from.

A report is a value that is written as JSON and read again, so that it can be shown (`page`,
`markdown`) and compared with another (`compare`). Knows no models and no frames.
"""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from actionclip import display
from actionclip.conventions import Like
from actionclip.evaluation import clip_results, estimates, metrics
from actionclip.evaluation.clip_results import ClipResult, WorstClip
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.metrics import Bins
from actionclip.evaluation.scored import Scored

HEADLINES = ("top1", "top5", "map")
"""Metrics that stand at the top of the JSON document, for programs that read nothing else."""
NUM_WORST = 12


@dataclass(frozen=True)
class Setting:
    """All that is needed to get the numbers again; whoever scored the clips knows it."""

    protocol: str
    data: str
    split: str
    model: str
    fingerprint: str
    """Of the model's weights."""
    templates: tuple[str, ...]
    num_windows: int
    num_crops: int
    seed: int
    machine: dict[str, str]
    """What computed, without names of hosts."""
    command: str
    like: Like = "default"
    """The conventions by which a clip was tested."""


@dataclass(frozen=True)
class LabelResult:
    """How well the clips of a label are recognised."""

    label: str
    num_clips: int
    estimate: Interval | None
    """Accuracy, or average precision where clips have several labels; None without clips."""


@dataclass(frozen=True)
class Bin:
    """Clips whose best scores are alike."""

    num_clips: int
    score: float
    """On average."""
    accuracy: float


class Report(BaseModel):
    """An evaluation, whole."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    setting: Setting
    date: str
    version: str
    split_hash: str
    """Of the clips and their labels, in whatever order."""
    selection: str = ""
    """What the clips chose of the model, so that its numbers on them are too high: "selected on
    test"; empty if nothing, or if nothing is known."""
    labels: tuple[str, ...]
    seen_labels: tuple[str, ...]
    """Those that the model was trained on."""
    left_out: dict[str, str]
    """Clips that could not be read, and why."""
    metrics: dict[str, Interval]
    draws: tuple[dict[str, float], ...]
    """The metrics of each draw, for protocols that draw labels or clips."""
    label_results: tuple[LabelResult, ...]
    confusion: tuple[tuple[int, int, int], ...]
    """Label, the label that clips were taken for, number of clips; without empty cells."""
    calibration: tuple[Bin, ...]
    """By score, from the lowest; without empty bins."""
    worst: tuple[WorstClip, ...]
    clips: tuple[ClipResult, ...]
    """In the order in which they were scored."""

    @property
    def is_multi_label(self) -> bool:
        """Whether clips have several labels."""
        return "map" in self.metrics

    @property
    def telling_metrics(self) -> dict[str, Interval]:
        """The metrics without those that are 1 whatever the model says."""
        trivial = {"top5"} if len(self.labels) <= 5 else set()
        return {name: value for name, value in self.metrics.items() if name not in trivial}

    @property
    def spread(self) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation of each metric over the draws, if there are several."""
        if len(self.draws) < 2:
            return {}
        of = {name: [draw[name] for draw in self.draws] for name in self.draws[0]}
        return {name: (statistics.mean(some), statistics.stdev(some)) for name, some in of.items()}

    @property
    def confused(self) -> list[tuple[str, str, int]]:
        """Which labels were taken for which, and for how many clips; the most frequent first."""
        wrong = sorted((cell for cell in self.confusion if cell[0] != cell[1]), key=lambda c: -c[2])
        return [(self.labels[row], self.labels[column], count) for row, column, count in wrong]

    def to_json(self) -> str:
        """Give the report as one JSON document, the headline metrics first."""
        document = self.model_dump(mode="json")
        first = {name: document["metrics"][name] for name in HEADLINES if name in self.metrics}
        first["selection"] = self.selection
        return display.to_json(first | document, indent=1, allow_nan=False)


def read(path: Path) -> Report:
    """Read the report in a file.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a report.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such report; check the path")
    return from_json(path.read_text(encoding="utf-8"), str(path))


def from_json(text: str, where: str) -> Report:
    """Read a report.

    Args:
        text: what `to_json` gave.
        where: names it in messages.

    Raises:
        ValueError: it is not a report.
    """
    try:
        document = json.loads(text)
        if not isinstance(document, dict):
            raise ValueError(f"a {type(document).__name__}")
        inner = {name: value for name, value in document.items() if name not in HEADLINES}
        return Report.model_validate_json(json.dumps(inner), strict=True)
    except ValueError as error:
        raise ValueError(
            f"{where}: not a report of this version ({_complaint(error)});"
            " give what `actionclip evaluate --json` printed"
        ) from error


def make(
    scored: Scored,
    setting: Setting,
    root: Path,
    *,
    seen_labels: Sequence[str] = (),
    draws: Sequence[Mapping[str, float]] = (),
    selection: str = "",
) -> Report:
    """Compute everything that is said of an evaluation.

    Args:
        scored: the clips and their scores. Where a protocol draws several times, all draws one
            after another, with score 0 for labels that were not asked for.
        setting: under which they were scored; its seed also draws the intervals.
        root: the folder that the clips' names are relative to.
        seen_labels: that the model was trained on. If they are some of the labels and not all,
            the metrics also tell top1_seen, top1_unseen and their harmonic_mean.
        draws: `estimates.headlines` of each draw.
        selection: what the clips chose of the model, in words.

    Raises:
        ValueError: there are no clips, or a score is not a number; names the clip.
    """
    metrics.check(scored)
    labels = scored.annotations.labels
    found = estimates.estimate(scored, setting.seed, seen_labels)
    clips = clip_results.make(scored, root)
    counts = scored.marked.sum(0).tolist()
    return Report(
        setting=setting,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        version=metadata.version("actionclip"),
        split_hash=clip_results.digest(clips),
        selection=selection,
        labels=labels,
        seen_labels=tuple(label for label in labels if label in set(seen_labels)),
        left_out={
            display.writable(source): display.writable(reason)
            for source, reason in scored.left_out.items()
        },
        metrics=found.metrics,
        draws=tuple(dict(draw) for draw in draws),
        label_results=tuple(map(LabelResult, labels, counts, found.by_label)),
        confusion=_confusion(scored) if scored.exclusive else (),
        calibration=_bins(found.bins) if found.bins else (),
        worst=clip_results.worst(scored, clips, NUM_WORST),
        clips=clips,
    )


def _confusion(scored: Scored) -> tuple[tuple[int, int, int], ...]:
    counts = metrics.confusion(scored.scores, scored.truth)
    return tuple(
        (row, column, int(counts[row, column])) for row, column in counts.nonzero().tolist()
    )


def _bins(bins: Bins) -> tuple[Bin, ...]:
    of_all = zip(*(one.tolist() for one in bins), strict=True)
    return tuple(
        Bin(round(count), score / count, hits / count) for count, score, hits in of_all if count
    )


def _complaint(error: ValueError) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
