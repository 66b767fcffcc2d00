"""The prompt lab: which templates help and which hurt, from one look at clips and labels.

Each template alone, the ensemble without it, the three kinds and a few whole sets are compared on
the same clips, so that the differences are paired. Clips have one label each.

Shapes:
    V: clips   K: templates   N: labels
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from actionclip.data.annotations import Annotations, Split
from actionclip.data.clips import Sampling
from actionclip.evaluation import intervals, metrics, protocols, scoring
from actionclip.evaluation.evaluate import Subject
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.scoring import ByWords
from actionclip.evaluation.view_features import Progress, Views
from actionclip.text import prompts


@dataclass(frozen=True)
class Finding:
    """What a template does."""

    template: str
    kind: prompts.Kind
    alone: Interval
    """Top-1 with no other template."""
    worth: float
    """Top-1 of all templates, less that of all others: above 0 it helps the ensemble."""
    worth_low: float | None
    worth_high: float | None
    """The 95 % interval of `worth`; where it holds 0 or there is none, these clips cannot tell."""


@dataclass(frozen=True)
class Lab:
    """Everything that was found."""

    findings: tuple[Finding, ...]
    """The templates, the best alone first."""
    ensembles: Mapping[str, Interval]
    """Top-1 of sets of templates: all of them, those of one kind, the best one of these clips,
    and the best one of other clips than those that it is tested on."""
    num_clips: int
    num_labels: int
    selection: str = ""
    """What else these clips chose of the model: "selected on test"; empty if nothing is known."""

    def to_json(self) -> dict[str, Any]:
        """Give everything as plain values."""
        return asdict(self)


def run(
    subject: Subject,
    annotations: Annotations,
    split: Split | Literal["all"] | None = None,
    *,
    num_workers: int = 0,
    on_progress: Progress = lambda done, total: None,
) -> Lab:
    """Look at the clips once and compare the templates of a model that answers by words.

    Args:
        subject: the model, with the templates to compare.
        annotations: the data, with the labels that are asked for.
        split: the clips to look at; by default test, or else val.
        num_workers: processes that decode; 0 decodes here.
        on_progress: told how many clips the tower has seen, and how many there are.

    Raises:
        ValueError: the data does not go with the question, or the model is a classifier.
    """
    if subject.classifier is not None:
        raise ValueError(f"{subject.name}: is a classifier, which reads no prompts; name another")
    if annotations.is_multi_label:
        raise ValueError("clips have several labels, or none; templates are compared on one each")
    tested = protocols.make("closed-set", annotations, split=split).annotations
    model, labels = subject.recognizer.model, annotations.labels
    views = Views(Sampling(model.config.num_frames))
    clips = scoring.encode(model, tested, views, num_workers=num_workers, on_progress=on_progress)
    embeddings = subject.recognizer.embed_labels(labels, subject.templates)
    logits = ByWords(model, labels, embeddings).logits(clips.features, labels)  # (V, views, K, N)
    scores = logits.softmax(dim=-1).mean(dim=1).cpu()  # (V, K, N)
    examples = clips.annotations.examples
    truth = torch.tensor([annotations.label_indices(example)[0] for example in examples])
    groups = [intervals.group_of(example) for example in examples]
    lab = compare(scores, truth, groups, subject.templates)
    return replace(lab, selection=subject.selection.describe(examples, ", ".join(tested.splits)))


def compare(
    scores: Float[Tensor, "V K N"],
    truth: Int[Tensor, " V"],
    groups: Sequence[str],
    templates: Sequence[str],
) -> Lab:
    """Compare the templates.

    Args:
        scores: of every label by every template.
        truth: the label index of each clip.
        groups: of clips that are near copies; see `intervals.group_of`.
        templates: K of them.

    Raises:
        ValueError: there are fewer than two templates to compare.
    """
    if len(templates) < 2:
        raise ValueError(f"{len(templates)} templates: give two or more to compare")
    numbers = intervals.number(groups)

    def right(chosen: Sequence[int]) -> Float[Tensor, " V"]:
        return metrics.hits(scores[:, list(chosen)].mean(dim=1), truth, 1)

    def top1(chosen: Sequence[int]) -> Interval:
        return intervals.of_accuracy(right(chosen), numbers)

    everything = range(len(templates))
    with_all = right(everything)
    findings = []
    for place, template in enumerate(templates):
        gained = with_all - right([other for other in everything if other != place])
        worth = intervals.difference(gained, numbers)
        findings.append(
            Finding(
                template, prompts.kind(template), top1([place]), worth.value, worth.low, worth.high
            )
        )
    findings.sort(key=lambda finding: -finding.alone.value)
    best = templates.index(findings[0].template)
    ensembles = {f"all {len(templates)}": top1(everything)}
    for kind in ("bare", "prefix", "cloze", "suffix"):
        those = [place for place in everything if prompts.kind(templates[place]) == kind]
        if those:
            ensembles[f"{kind} only ({len(those)})"] = top1(those)
    ensembles["the best alone, chosen on these clips"] = top1([best])
    if int(numbers.max()) > 0:
        alone = torch.stack([right([place]) for place in everything])  # (K, V)
        ensembles["the best alone, chosen on other clips"] = _chosen_elsewhere(alone, numbers)
    return Lab(tuple(findings), ensembles, len(truth), scores.shape[-1])


def _chosen_elsewhere(hits: Float[Tensor, "K V"], groups: Int[Tensor, " V"]) -> Interval:
    """Return top-1 of the best template of the one half of the groups on the other half."""
    halves = (groups % 2 == 0, groups % 2 == 1)
    found = torch.zeros(hits.shape[1])
    for chosen_on, tested_on in (halves, halves[::-1]):
        best = int(hits[:, chosen_on].mean(dim=1).argmax())
        found[tested_on] = hits[best, tested_on]
    return intervals.of_accuracy(found, groups)
