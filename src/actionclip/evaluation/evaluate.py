"""A model and a data set go in, a report comes out: by one protocol, from one look at every clip.

Here the parts of evaluation meet: `protocols` ask, `scoring` answers, `report` tells.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from actionclip import conventions, display
from actionclip.conventions import Conventions
from actionclip.data import reading
from actionclip.data.annotations import Annotations, Split
from actionclip.data.clips import Sampling
from actionclip.evaluation import estimates, machine, overlap, protocols, report, scoring
from actionclip.evaluation.protocols import Protocol
from actionclip.evaluation.report import Report
from actionclip.evaluation.scored import Scored
from actionclip.evaluation.scoring import ByClassifier, ByWords, Scorer
from actionclip.evaluation.selection import Selection
from actionclip.evaluation.view_features import Progress, Views
from actionclip.model import fingerprint
from actionclip.recognizer import Recognizer
from actionclip.text.label_files import LabelFile


@dataclass(frozen=True)
class Subject:
    """What is evaluated."""

    recognizer: Recognizer
    name: str
    """For the report: what it was loaded by."""
    templates: tuple[str, ...]
    trained_on: tuple[str, ...] = ()
    """The labels that it was trained on, in their order; none if nobody knows."""
    classifier: ByClassifier | None = None
    """Answers instead of words, in the unimodal baseline."""
    selection: Selection = field(default_factory=Selection)
    """Which clips chose the weights and the calibration."""


@dataclass(frozen=True)
class Conditions:
    """How it is evaluated."""

    protocol: str | None = None
    """One of `protocols.NAMES`; by default the one that data and model ask for."""
    split: Split | Literal["all"] | None = None
    """The clips to test on; by default those of the protocol."""
    sampling: Literal["segments", "dense", "keyframes"] = "segments"
    num_windows: int = 1
    num_crops: int = 1
    seed: int = 0
    """Of the draws behind the intervals; what a protocol draws is fixed."""
    conventions: Conventions = conventions.DEFAULT
    """How a clip is tested where the official code differs."""


@dataclass(frozen=True)
class Evaluation:
    """A report, and what it is about."""

    report: Report
    annotations: Annotations
    """The clips of the report, in its order."""
    sampling: Sampling
    """The frames of each that were looked at."""


def evaluate(
    subject: Subject,
    annotations: Annotations,
    data: Path,
    conditions: Conditions | None = None,
    *,
    num_workers: int = 0,
) -> Report:
    """Give the report alone; everything else is as in `run`."""
    return run(subject, annotations, data, conditions, num_workers=num_workers).report


def run(
    subject: Subject,
    annotations: Annotations,
    data: Path,
    conditions: Conditions | None = None,
    *,
    batch_size: int = 16,
    num_workers: int = 0,
    command: str = "",
    on_progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Look at the clips that the protocol asks for, and report.

    Args:
        subject: the model.
        annotations: the data, all splits, with the labels that are asked for: see `read`.
        data: where it was read from; names of clips are relative to it, or to a file's folder.
        conditions: protocol, split, views and seed.
        batch_size: clips at once; changes nothing in the report.
        num_workers: processes that decode; 0 decodes here.
        command: how to get the same report again.
        on_progress: told how many clips the tower has seen, and how many there are.

    Raises:
        ValueError: the data does not go with the protocol or the model, too many videos are
            damaged, a score is not a number.
    """
    conditions = conditions or Conditions()
    shared = overlap.find(annotations.labels, subject.trained_on)
    seen = (*shared.same, *(label for label, _ in shared.near))
    protocol = protocols.make(
        conditions.protocol or protocols.choose(annotations, seen),
        annotations,
        trained_on=seen,
        split=conditions.split,
    )
    scorer = _scorer(subject, protocol, conditions.conventions)
    model = subject.recognizer.model
    sampling = Sampling(model.config.num_frames, conditions.sampling)
    clips = scoring.encode(
        model,
        protocol.annotations,
        Views(sampling, conditions.num_windows, conditions.num_crops, conditions.conventions),
        batch_size=batch_size,
        num_workers=num_workers,
        on_progress=on_progress,
    )
    answers = [scoring.answer(clips, question, scorer) for question in protocol.questions]
    setting = report.Setting(
        protocol=protocol.name,
        data=display.writable(str(data)),
        split=_split(protocol.annotations, annotations),
        model=subject.name,
        fingerprint=fingerprint.of_weights(model),
        templates=() if subject.classifier else subject.templates,
        num_windows=conditions.num_windows,
        num_crops=conditions.num_crops,
        seed=conditions.seed,
        machine=machine.describe(),
        command=command,
        like=conditions.conventions.like,
    )
    scored = merge(answers, protocol.annotations.labels)
    tested = scored.annotations
    made = report.make(
        scored,
        setting,
        data if data.is_dir() else data.parent,
        seen_labels=protocol.seen or seen,
        draws=[estimates.headlines(one) for one in answers] if protocol.is_drawn else (),
        selection=subject.selection.describe(tested.examples, setting.split),
    )
    return Evaluation(made, tested, sampling)


def read(
    data: Path,
    videos: Path | None = None,
    labels: Sequence[str] | LabelFile | None = None,
    *,
    whole_videos: bool = False,
) -> Annotations:
    """Read a data set, with the split that training draws if it names none.

    Args:
        data: the folder or file.
        videos: the folder of the videos, if not that of `data`.
        labels: those to tell apart, in their order; by default those of the data, which must be
            among them, however signs and case are written.
        whole_videos: merge the parts of each video.

    Raises:
        FileNotFoundError: there is nothing at `data`.
        ValueError: something is wrong with it, or one of its labels is not among `labels`.
    """
    annotations = reading.read(data, videos, labels, numbers_only=True)
    if whole_videos:
        annotations = annotations.whole_videos()
    if labels is None:
        return annotations
    names = labels.names if isinstance(labels, LabelFile) else labels
    return among(annotations, names, str(data))


def among(annotations: Annotations, labels: Sequence[str], where: str) -> Annotations:
    """Give the same clips with other labels to choose from, which hold the clips' own.

    Args:
        annotations: the clips.
        labels: all labels that are asked for.
        where: names the data in messages.

    Raises:
        ValueError: a label of a clip is not among them.
    """
    written = {overlap.plain(label): label for label in labels}
    used = {label for example in annotations.examples for label in example.labels}
    missing = sorted(label for label in used if overlap.plain(label) not in written)
    if missing:
        close = difflib.get_close_matches(missing[0], labels, n=1)
        advice = f"did you mean {close[0]!r}?" if close else "add it"
        raise ValueError(
            f"{where}: {len(missing)} of its labels are not among those to choose from, the first"
            f" is {missing[0]!r}; {advice}"
        )
    examples = (
        dataclasses.replace(
            example, labels=tuple(written[overlap.plain(label)] for label in example.labels)
        )
        for example in annotations.examples
    )
    return dataclasses.replace(
        annotations, examples=tuple(examples), labels=tuple(labels), raw_labels={}
    )


def merge(answers: Sequence[Scored], labels: tuple[str, ...]) -> Scored:
    """Put the answers to several questions one after another; labels not asked for score 0."""
    examples = [example for one in answers for example in one.annotations.examples]
    scores = torch.zeros(len(examples), len(labels))
    row = 0
    for one in answers:
        rows = torch.arange(row, row + len(one.scores))
        columns = torch.tensor([labels.index(label) for label in one.annotations.labels])
        scores[rows[:, None], columns] = one.scores
        row += len(one.scores)
    annotations = dataclasses.replace(
        answers[0].annotations, examples=tuple(examples), labels=labels
    )
    return Scored(annotations, scores, answers[0].left_out)


def _split(tested: Annotations, annotations: Annotations) -> str:
    """Name the clips that were tested on."""
    is_all = len(tested.splits) > 1 and tested.splits.keys() == annotations.splits.keys()
    return "all" if is_all else ", ".join(tested.splits)


def _scorer(subject: Subject, protocol: Protocol, chosen: Conventions) -> Scorer:
    if subject.classifier is not None:
        return subject.classifier
    labels = protocol.annotations.labels
    raw = chosen.raw_label_names
    names = protocol.annotations.written(labels) if raw else labels
    embeddings = subject.recognizer.embed_labels(names, subject.templates, raw=raw)
    model = subject.recognizer.model
    return ByWords(model, labels, embeddings, logit_scale=chosen.logit_scale)
