"""A model and a data set become a report, by one protocol, with every clip encoded once."""

from __future__ import annotations

import dataclasses
import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import torch

from actionclip import conventions, display
from actionclip.conventions import Conventions
from actionclip.core.cache import Progress
from actionclip.data import label_similarity, reading
from actionclip.data.annotations import Annotations, Split
from actionclip.data.clips import Sampling
from actionclip.evaluation import metrics, protocols, report, scoring
from actionclip.evaluation.report import Report
from actionclip.evaluation.scoring import ScoredClips, Scorer, Views
from actionclip.evaluation.selection import Selection
from actionclip.model import fingerprint
from actionclip.recognizer import Recognizer
from actionclip.text import labels as label_text
from actionclip.text.label_files import LabelFile


@dataclass(frozen=True)
class EvaluatedModel:
    """A model, with what an evaluation has to know of its training."""

    recognizer: Recognizer
    name: str
    """What it was loaded by, for the report."""
    templates: tuple[str, ...]
    trained_on: tuple[str, ...] = ()
    """The labels of its training, in their order; empty if unknown."""
    classifier: Scorer | None = None
    """Scores labels in place of the texts, in the unimodal baseline."""
    selection: Selection = field(default_factory=Selection)
    """Which clips selected the weights and the calibration."""


@dataclass(frozen=True)
class Conditions:
    """How a model is evaluated."""

    protocol: str | None = None
    """One of `protocols.NAMES`; by default the one that fits data and model."""
    split: Split | Literal["all"] | None = None
    """The clips to test on; by default those of the protocol."""
    sampling: Literal["segments", "dense", "keyframes"] = "segments"
    num_windows: int = 1
    num_crops: int = 1
    seed: int = 0
    """Of the replicates behind the intervals; what a protocol draws is fixed."""
    conventions: Conventions = conventions.DEFAULT
    """How a clip is tested where the official code differs."""


@dataclass(frozen=True)
class Evaluation:
    """A report, its clips in order, and the sampling of their frames."""

    report: Report
    annotations: Annotations
    sampling: Sampling


def run(
    model: EvaluatedModel,
    annotations: Annotations,
    data: Path,
    conditions: Conditions | None = None,
    *,
    batch_size: int = 16,
    num_workers: int = 0,
    command: str = "",
    on_progress: Progress = lambda done, total: None,
) -> Evaluation:
    """Score the clips of a protocol, and report.

    Args:
        model: to evaluate.
        annotations: the data, all splits, with the candidate labels: see `read`.
        data: where it was read from; names of clips are relative to it, or to a file's folder.
        conditions: protocol, split, views and seed.
        batch_size: clips at once; changes nothing in the report.
        num_workers: processes that decode; 0 decodes here.
        command: how to get the same report again.
        on_progress: called with the numbers of finished and of all clips.

    Raises:
        ValueError: the data does not go with the protocol or the model, too many videos are
            damaged, a score is not a number.
    """
    conditions = conditions or Conditions()
    seen = seen_labels(annotations.labels, model.trained_on)
    protocol = protocols.make(
        conditions.protocol or protocols.choose(annotations, seen),
        annotations,
        trained_on=seen,
        split=conditions.split,
    )
    scorer = _scorer(model, protocol.annotations, conditions.conventions)
    network = model.recognizer.model
    sampling = Sampling(network.config.num_frames, conditions.sampling)
    clips = scoring.encode_clips(
        network,
        protocol.annotations,
        Views(sampling, conditions.num_windows, conditions.num_crops, conditions.conventions),
        batch_size=batch_size,
        num_workers=num_workers,
        on_progress=on_progress,
    )
    scored = [scoring.score(clips, subset, scorer) for subset in protocol.subsets]
    merged = merge(scored, protocol.annotations.labels)
    tested = protocol.annotations.splits
    is_all = len(tested) > 1 and tested.keys() == annotations.splits.keys()
    split = "all" if is_all else ", ".join(tested)
    made = report.make(
        merged,
        report.Setting(
            protocol=protocol.name,
            data=display.writable(str(data)),
            split=split,
            model=model.name,
            fingerprint=fingerprint.of_weights(network),
            templates=() if model.classifier else model.templates,
            num_windows=conditions.num_windows,
            num_crops=conditions.num_crops,
            seed=conditions.seed,
            machine=report.describe_machine(),
            command=command,
            like=conditions.conventions.like,
        ),
        data if data.is_dir() else data.parent,
        seen_labels=protocol.seen or seen,
        draws=[
            metrics.headline(one.scores, one.label_indices, exclusive=one.exclusive)
            for one in scored
            if protocol.is_drawn
        ],
        selection=model.selection.describe(merged.annotations.examples, split),
    )
    return Evaluation(made, merged.annotations, sampling)


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
        labels: the candidates, in their order; by default those of the data, which must be among
            them, whatever their punctuation and case.
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
    candidates = labels.names if isinstance(labels, LabelFile) else labels
    by_words = {plain(label): label for label in candidates}
    used = {label for example in annotations.examples for label in example.labels}
    missing = sorted(label for label in used if plain(label) not in by_words)
    if missing:
        close = difflib.get_close_matches(missing[0], candidates, n=1)
        advice = f"did you mean {close[0]!r}?" if close else "add it"
        raise ValueError(
            f"{data}: {len(missing)} of its labels are not among those to choose from, the first"
            f" is {missing[0]!r}; {advice}"
        )
    examples = tuple(
        dataclasses.replace(e, labels=tuple(by_words[plain(label)] for label in e.labels))
        for e in annotations.examples
    )
    return dataclasses.replace(
        annotations, examples=examples, labels=tuple(candidates), raw_labels={}
    )


def seen_labels(labels: Sequence[str], trained_on: Iterable[str]) -> tuple[str, ...]:
    """Return the labels seen in training in the same words, then those in other forms of them.

    Benchmarks overlap, and a zero-shot number counts on new labels. Words are compared, not
    meanings: "biking" and "riding a bike" count as two.

    >>> seen_labels(["HorseRiding", "Archery", "knitting"], ["archery", "riding a horse", "biking"])
    ('Archery', 'HorseRiding')
    """
    trained = [plain(label) for label in trained_on]
    same = [label for label in labels if plain(label) in trained]

    def stems(plain_label: str) -> frozenset[str]:
        return frozenset(map(label_similarity.stem_of, label_similarity.words_of(plain_label)))

    trained_stems = set(map(stems, trained))
    near = [one for one in labels if one not in same and stems(plain(one)) in trained_stems]
    return (*same, *near)


def plain(label: str) -> str:
    """Return the words of a label without punctuation and case.

    >>> plain("shooting_a_bow_archery") == plain("Shooting a bow, archery")
    True
    """
    words = re.findall(r"\w+", label_text.clean(label).casefold().replace("'", ""))
    return " ".join(words)


def merge(parts: Sequence[ScoredClips], labels: tuple[str, ...]) -> ScoredClips:
    """Concatenate the scores of subsets; labels that were no candidates score 0."""
    examples = tuple(example for part in parts for example in part.annotations.examples)
    scores = torch.zeros(len(examples), len(labels))
    row = 0
    for part in parts:
        columns = [labels.index(label) for label in part.annotations.labels]
        scores[row : row + len(part.scores), columns] = part.scores
        row += len(part.scores)
    annotations = dataclasses.replace(parts[0].annotations, examples=examples, labels=labels)
    return ScoredClips(annotations, scores, parts[0].left_out)


def _scorer(model: EvaluatedModel, annotations: Annotations, chosen: Conventions) -> Scorer:
    if model.classifier is not None:
        return model.classifier
    labels, raw = annotations.labels, chosen.raw_label_names
    names = annotations.written(labels) if raw else labels
    embeddings = model.recognizer.embed_labels(names, model.templates, raw=raw)
    return scoring.text_scorer(model.recognizer.model, labels, embeddings, chosen.logit_scale)
