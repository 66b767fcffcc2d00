"""The prompt lab: which templates help and which hurt, from one pass over clips and labels.

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

from actionclip.core.cache import Progress
from actionclip.data import splits
from actionclip.data.annotations import Annotations, Split
from actionclip.data.clips import Sampling
from actionclip.evaluation import intervals, metrics, protocols, scoring
from actionclip.evaluation.evaluate import EvaluatedModel
from actionclip.evaluation.intervals import Interval
from actionclip.evaluation.scoring import Views
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
    """The comparison of templates."""

    findings: tuple[Finding, ...]
    """The templates, the best alone first."""
    ensembles: Mapping[str, Interval]
    """Top-1 of sets of templates: all of them, those of one kind, the best one of these clips,
    and the best one of other clips than those that it is tested on."""
    num_clips: int
    num_labels: int
    selection: str = ""
    """What else these clips selected of the model: "selected on test"; empty if unknown."""

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return asdict(self)


def run(
    model: EvaluatedModel,
    annotations: Annotations,
    split: Split | Literal["all"] | None = None,
    *,
    num_workers: int = 0,
    on_progress: Progress = lambda done, total: None,
) -> Lab:
    """Encode the clips once and compare the templates; the arguments are those of `evaluate.run`.

    Raises:
        ValueError: clips have several labels, or the model is a classifier.
    """
    if model.classifier is not None:
        raise ValueError(f"{model.name}: is a classifier, which reads no prompts; name another")
    if annotations.is_multi_label:
        raise ValueError("clips have several labels, or none; templates are compared on one each")
    protocol = protocols.make("closed-set", annotations, split=split)
    network, labels = model.recognizer.model, annotations.labels
    clips = scoring.encode_clips(
        network,
        protocol.annotations,
        Views(Sampling(network.config.num_frames)),
        num_workers=num_workers,
        on_progress=on_progress,
    )
    by_template = [
        scoring.score(clips, protocol.subsets[0], scoring.text_scorer(network, labels, one[None]))
        for one in model.recognizer.embed_labels(labels, model.templates)  # (K, N, D)
    ]
    scores = torch.stack([scored.scores for scored in by_template], dim=1)  # (V, K, N)
    examples = clips.annotations.examples
    groups = [splits.group_of(example) for example in examples]
    lab = compare(scores, by_template[0].truth, groups, model.templates)
    tested = ", ".join(protocol.annotations.splits)
    return replace(lab, selection=model.selection.describe(examples, tested))


def compare(
    scores: Float[Tensor, "V K N"],
    truth: Int[Tensor, " V"],
    groups: Sequence[str],
    templates: Sequence[str],
) -> Lab:
    """Compare K templates by their scores of every label.

    Args:
        scores: of every label by every template.
        truth: the label index of each clip.
        groups: of clips that are near copies; see `splits.group_of`.
        templates: in the order of the scores.

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
    kinds: list[prompts.Kind] = [prompts.kind(template) for template in templates]
    findings = []
    for place, template in enumerate(templates):
        others = [other for other in everything if other != place]
        worth = intervals.difference(right(everything) - right(others), numbers)
        alone = top1([place])
        findings.append(Finding(template, kinds[place], alone, worth.value, worth.low, worth.high))
    findings.sort(key=lambda finding: -finding.alone.value)
    ensembles = {f"all {len(templates)}": top1(everything)}
    for kind in ("bare", "prefix", "cloze", "suffix"):
        if chosen := [place for place in everything if kinds[place] == kind]:
            ensembles[f"{kind} only ({len(chosen)})"] = top1(chosen)
    ensembles["the best alone, chosen on these clips"] = findings[0].alone
    if int(numbers.max()) > 0:
        hits = torch.stack([right([place]) for place in everything])  # (K, V)
        ensembles["the best alone, chosen on other clips"] = _chosen_elsewhere(hits, numbers)
    return Lab(tuple(findings), ensembles, len(truth), scores.shape[-1])


def _chosen_elsewhere(hits: Float[Tensor, "K V"], groups: Int[Tensor, " V"]) -> Interval:
    """Return top-1 of the best template of the one half of the groups on the other half."""
    halves = (groups % 2 == 0, groups % 2 == 1)
    found = torch.zeros(hits.shape[1])
    for chosen_on, tested_on in (halves, halves[::-1]):
        best = int(hits[:, chosen_on].mean(dim=1).argmax())
        found[tested_on] = hits[best, tested_on]
    return intervals.of_accuracy(found, groups)
