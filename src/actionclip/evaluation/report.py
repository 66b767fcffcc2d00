"""Scored clips become a report: metrics with intervals, every clip's result, how they were made.

A report is written as JSON and read again, so that it can be shown and compared with another.
"""

from __future__ import annotations

import hashlib
import json
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict, ValidationError

from actionclip import display
from actionclip.conventions import Like
from actionclip.evaluation import estimates
from actionclip.evaluation.estimates import Bin, ClipResult, WorstClip
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.scoring import ScoredClips

HEADLINES = ("top1", "top5", "map")
"""Metrics at the top of the JSON document, for programs that read nothing else."""
NUM_WORST = 12


@dataclass(frozen=True)
class Setting:
    """All that is needed to get the numbers again."""

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
    command: str
    like: Like = "default"
    """The conventions of testing."""


@dataclass(frozen=True)
class LabelResult:
    """How well the clips of a label are recognised."""

    label: str
    num_clips: int
    estimate: Interval | None
    """Accuracy, or average precision where clips have several labels; None without clips."""


class Report(BaseModel):
    """An evaluation, whole."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    setting: Setting
    date: str
    version: str
    split_hash: str
    """Of the clips and their labels, in whatever order."""
    selection: str = ""
    """What the clips selected of the model, so that its numbers on them are too high: "selected on
    test"; empty if nothing, or if it is unknown."""
    labels: tuple[str, ...]
    seen_labels: tuple[str, ...]
    """Those that the model was trained on."""
    left_out: dict[str, str]
    """Clips that could not be read, and why."""
    metrics: dict[str, Interval]
    draws: tuple[dict[str, float], ...]
    """The metrics of each draw, for protocols that draw labels."""
    label_results: tuple[LabelResult, ...]
    confusion: tuple[tuple[int, int, int], ...]
    """Label, predicted label, number of clips; without empty cells."""
    calibration: tuple[Bin, ...]
    """By score, from the lowest; without empty bins."""
    worst: tuple[WorstClip, ...]
    clips: tuple[ClipResult, ...]
    """In the order of scoring."""

    @property
    def is_multi_label(self) -> bool:
        """Whether clips have several labels."""
        return "map" in self.metrics

    @property
    def telling_metrics(self) -> dict[str, Interval]:
        """The metrics without those that are 1 by definition."""
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
        """Label, another predicted label and number of clips, the most frequent first."""
        wrong = sorted((cell for cell in self.confusion if cell[0] != cell[1]), key=lambda c: -c[2])
        return [(self.labels[row], self.labels[column], count) for row, column, count in wrong]

    def to_json(self) -> str:
        """Return the report as one JSON document, the headline metrics first."""
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
    """Read a report from the text of `to_json`; `where` names it in messages.

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
        reason = str(error)
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
        raise ValueError(
            f"{where}: not a report of this version ({reason});"
            " give what `actionclip evaluate --json` printed"
        ) from error


def make(
    scored: ScoredClips,
    setting: Setting,
    root: Path,
    *,
    seen_labels: Sequence[str] = (),
    draws: Sequence[dict[str, float]] = (),
    selection: str = "",
) -> Report:
    """Compute everything that a report holds.

    Args:
        scored: the clips and their scores. Where a protocol draws several times, all draws one
            after another, with score 0 for labels that were no candidates.
        setting: of the scoring; its seed also draws the replicates of the intervals.
        root: the folder that the clips' names are relative to.
        seen_labels: that the model was trained on. If they are some of the labels and not all,
            there are also the metrics top1_seen, top1_unseen and their harmonic_mean.
        draws: `metrics.headline` of each draw.
        selection: what the clips selected of the model, in words.

    Raises:
        ValueError: there are no clips, or a score is not a number; names the clip.
    """
    estimates.check(scored)
    labels, exclusive = scored.annotations.labels, scored.exclusive
    if exclusive:
        found, by_label = estimates.accuracies(scored, setting.seed, seen_labels)
    else:
        found, by_label = estimates.average_precisions(scored, setting.seed)
    clips = estimates.clip_results(scored, root)
    lines = sorted(json.dumps([clip.clip, sorted(clip.labels)]) for clip in clips)
    counts = scored.multi_hot.sum(0).tolist()
    return Report(
        setting=setting,
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        version=metadata.version("actionclip"),
        split_hash=hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        selection=selection,
        labels=labels,
        seen_labels=tuple(label for label in labels if label in set(seen_labels)),
        left_out={
            display.writable(source): display.writable(reason)
            for source, reason in scored.left_out.items()
        },
        metrics=found,
        draws=tuple(draws),
        label_results=tuple(map(LabelResult, labels, counts, by_label)),
        confusion=estimates.confusion(scored) if exclusive else (),
        calibration=estimates.reliability(scored) if exclusive else (),
        worst=estimates.worst_clips(scored, clips, NUM_WORST),
        clips=clips,
    )


def describe_machine() -> dict[str, str]:
    """Return the hardware and software that numbers depend on, without names of hosts or people."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    instructions = torch.backends.cpu.get_cpu_capability()
    return {
        "system": f"{platform.system()}, {platform.machine()}",
        "processor": f"{torch.get_num_threads()} threads, {instructions}",
        "graphics": ", ".join(gpus) or "none",
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "transformers": metadata.version("transformers"),
    }
