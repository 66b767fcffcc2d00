"""The prompt lab: which templates help and which hurt, from one look at clips and labels.

Each template alone, the ensemble without it, the three kinds and a few whole sets are compared on
the same clips, so that the differences are paired. Clips have one label each.

Shapes:
    V: clips   K: templates   N: labels   R: draws
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from actionclip.data.annotations import Annotations, Split
from actionclip.data.clips import Sampling
from actionclip.evaluation import bootstrap, metrics, protocols, scoring
from actionclip.evaluation.bootstrap import Interval
from actionclip.evaluation.evaluate import Subject
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
    worth_low: float
    worth_high: float
    """The 95 % interval of `worth`; where it holds 0, these clips cannot tell."""


@dataclass(frozen=True)
class Lab:
    """Everything that was found."""

    findings: tuple[Finding, ...]
    """The templates, the best alone first."""
    ensembles: Mapping[str, Interval]
    """Top-1 of sets of templates: all of them, those of one kind, the best one of these clips."""
    num_clips: int
    num_labels: int

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
    groups = [bootstrap.group_of(example) for example in examples]
    return compare(scores, truth, groups, subject.templates)


def compare(
    scores: Float[Tensor, "V K N"],
    truth: Int[Tensor, " V"],
    groups: Sequence[str],
    templates: Sequence[str],
    seed: int = 0,
) -> Lab:
    """Compare the templates.

    Args:
        scores: of every label by every template.
        truth: the label index of each clip.
        groups: of clips that are near copies; see `bootstrap.group_of`.
        templates: K of them.
        seed: of the intervals.

    Raises:
        ValueError: there are fewer than two templates to compare.
    """
    if len(templates) < 2:
        raise ValueError(f"{len(templates)} templates: give two or more to compare")
    numbers = bootstrap.number(groups)
    weights = bootstrap.draw(numbers, bootstrap.NUM_DRAWS, seed)  # (R, V)

    def right(chosen: Sequence[int]) -> Float[Tensor, " V"]:
        return metrics.hits(scores[:, list(chosen)].mean(dim=1), truth, 1)

    def top1(chosen: Sequence[int]) -> Interval:
        hits = right(chosen)
        return bootstrap.of_accuracy(hits, numbers, (weights @ hits) / weights.sum(dim=1))

    everything = range(len(templates))
    with_all = right(everything)
    findings = []
    for place, template in enumerate(templates):
        gained = with_all - right([other for other in everything if other != place])
        low, high = _between(weights, gained)
        findings.append(
            Finding(
                template, prompts.kind(template), top1([place]), float(gained.mean()), low, high
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
    return Lab(tuple(findings), ensembles, len(truth), scores.shape[-1])


def _between(
    weights: Float[Tensor, "R V"], differences: Float[Tensor, " V"]
) -> tuple[float, float]:
    drawn = (weights @ differences) / weights.sum(dim=1)
    low, high = torch.quantile(drawn, torch.tensor([0.025, 0.975])).tolist()
    return low, high
