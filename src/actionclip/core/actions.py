"""Labels, and actions described by words and examples, become scores of clips.

An action is a vector and an offset for each template (`prototypes`). What it is not competes with
it alone: of its weight beside other labels it keeps the share that it has beside the best of those
sentences.

Shapes:
    B: clips   K: templates   N: labels   M: texts of the background   S: sentences of an action
    R: rivals of an action   D: shared width
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.core import prototypes, scoring
from actionclip.core.examples import ExampleEmbedder
from actionclip.core.labels import LabelEmbedder, Progress
from actionclip.core.reading import ClipReader
from actionclip.core.scoring import Prediction, Threshold
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Calibration
from actionclip.text import actions, prompts
from actionclip.text import labels as label_lists
from actionclip.text.actions import Action, Label

Scorer = Callable[[Float[Tensor, "B D"]], Float[Tensor, "B N"]]
"""Returns the scores of labels, 0…1, for embeddings of clips."""


class Embedded(NamedTuple):
    """Labels in every template."""

    vectors: Float[Tensor, "K N D"]
    offsets: Float[Tensor, " N"]
    """Added to the dot products with clips."""
    rivals: Mapping[int, Float[Tensor, "K R D"]]
    """What labels are not, by their numbers."""

    def logits(
        self, clips: Float[Tensor, "B D"], scale: float, temperature: float
    ) -> Float[Tensor, "B K N"]:
        """Compare clips with the labels.

        Args:
            clips: of length one.
            scale: multiplies the dot products.
            temperature: divides the logits, later on.
        """
        logits = scoring.logits(clips, self.vectors, scale) + scale * self.offsets
        for number, sentences in self.rivals.items():
            best = scoring.logits(clips, sentences, scale).amax(dim=-1)  # (B, K)
            ahead = (logits[..., number] - best) / temperature
            logits[..., number] += temperature * F.logsigmoid(ahead)
        return logits


@dataclass(frozen=True, eq=False)
class Question:
    """Labels that are asked for, and their scores."""

    names: Sequence[str]
    """Of the labels, in the order of the scores."""
    calibration: Calibration
    """That of the model, with the thresholds of the actions."""
    score: Scorer

    def rank(self, scores: Float[Tensor, " N"], threshold: Threshold | None) -> list[Prediction]:
        """Return the labels that reach the threshold, best first; see `scoring.rank`."""
        return scoring.rank(scores, self.names, threshold, self.calibration)


class ActionEmbedder:
    """Embeds labels of both kinds with one model; safe for threads."""

    def __init__(self, model: ActionCLIP, reader: ClipReader) -> None:
        self._model = model
        self.texts = LabelEmbedder(model)
        self._examples = ExampleEmbedder(model, reader)

    def choose(self, labels: Sequence[Label] | None) -> Sequence[Label]:
        """Return the given labels, or those that the model was trained on if none are given.

        Raises:
            ValueError: none are given, and the model stores none.
        """
        if labels is None and not self._model.task.labels:
            raise ValueError(
                "labels: the model stores none, so give at least one action in words, or load a "
                "checkpoint that `actionclip train` left"
            )
        return self._model.task.labels if labels is None else labels

    def embed(
        self,
        labels: Sequence[Label],
        templates: Sequence[str] | None = None,
        on_progress: Progress = lambda done, total: None,
        *,
        raw: bool = False,
    ) -> Embedded:
        """Embed every label in every template.

        Args:
            labels: any actions.
            templates: sentences with a hole `{}`; by default the model's own.
            on_progress: called with the numbers of embedded and of all new prompts.
            raw: fill in labels as they are instead of as plain words.

        Raises:
            ValueError: a label is empty or given twice, a template has not exactly one hole, or an
                example cannot be decoded.
            FileNotFoundError: an example is gone.
        """
        templates = self.texts.templates if templates is None else templates
        names = label_lists.check(actions.names(labels))
        if not any(isinstance(label, Action) for label in labels):
            vectors = self.texts.embed(names, templates, on_progress, raw=raw)
            return Embedded(vectors, vectors.new_zeros(len(names)), {})
        described = [actions.described(label) for label in labels]
        lists = [sentences for each in described for sentences in (each.sentences, each.rivals)]
        texts = [sentence for sentences in lists for sentence in sentences]
        filled = prompts.fill(templates, texts, raw=raw)
        rows = self.texts.embed_sentences(filled, on_progress) if texts else None
        parts = self._model.encoder.example_parts
        joined: list[prototypes.Joined] = []
        rivals: dict[int, Tensor] = {}
        start = 0
        for number, action in enumerate(described):
            words = None
            if rows is not None:
                of_action = rows.unflatten(0, (len(templates), len(texts)))[:, start:]  # (K, _, D)
                num_words, num_rivals = len(action.sentences), len(action.rivals)
                start += num_words + num_rivals
                if num_words:
                    words = prototypes.mean_words(of_action[:, :num_words], parts)
                if num_rivals:
                    rivals[number] = of_action[:, num_words : num_words + num_rivals]
            joined.append(self._join(action, words, templates))
        return Embedded(
            torch.stack([each.vectors for each in joined], dim=1),
            torch.tensor([each.offset for each in joined], device=joined[0].vectors.device),
            rivals,
        )

    @torch.inference_mode()
    def _join(
        self, action: Action, words: Float[Tensor, "K D"] | None, templates: Sequence[str]
    ) -> prototypes.Joined:
        alone = words is None
        if words is None:
            background = self.texts.embed(self._model.calibration.background, templates)
            words = background.mean(dim=1)
        if not action.examples:
            return prototypes.Joined(words, 0.0)
        examples, parts = self._examples.embed(action), self._model.encoder.example_parts
        return prototypes.join(words, examples, parts, alone=alone)

    def ask(
        self,
        labels: Sequence[Label] | None,
        templates: Sequence[str] | None,
        *,
        beside_none: bool,
        exclusive: bool = True,
        on_progress: Progress = lambda done, total: None,
    ) -> Question:
        """Embed labels and make a question of them.

        Args:
            labels: as in `embed`; None: those that the model was trained on.
            templates: as in `embed`.
            beside_none: compare with "none of these" too, not only among the labels.
            exclusive: one of the labels at most applies; False: compare each with "none" alone.
            on_progress: as in `embed`.

        Raises:
            ValueError: as in `embed` and `choose`, or the model is a classifier without such a
                label.
            FileNotFoundError: as in `embed`.
        """
        model, labels = self._model, self.choose(labels)
        calibration, scale = model.calibration, model.scale
        temperature, margin = calibration.temperature, calibration.margin
        own = {**calibration.thresholds, **actions.thresholds(labels)}
        question = partial(Question, actions.names(labels), replace(calibration, thresholds=own))
        if model.classifier is not None:
            return question(self._classifier_scorer(labels))
        embedded = self.embed(labels, templates, on_progress)
        if not beside_none:
            scale /= temperature
            return question(lambda clips: scoring.mean_scores(embedded.logits(clips, scale, 1.0)))
        background = self.texts.embed(calibration.background, templates)  # (K, M, D)

        def score(clips: Float[Tensor, "B D"]) -> Float[Tensor, "B N"]:
            logits = embedded.logits(clips, scale, temperature)
            none = scoring.logits(clips, background, scale).mean(dim=-1)
            if exclusive:
                return scoring.with_none(logits, none, temperature=temperature, margin=margin)[0]
            return scoring.each_beside_none(logits, none, temperature=temperature, margin=margin)

        return question(score)

    def _classifier_scorer(self, labels: Sequence[Label]) -> Scorer:
        """Score labels of the paper's unimodal baseline, which has no words and no "none"."""
        classifier, own = self._model.classifier, self._model.task.labels
        assert classifier is not None
        if more := [label for label in labels if isinstance(label, Action)]:
            raise ValueError(
                f"action {more[0].name!r}: the model is a classifier, which compares with no words "
                "and no examples; name labels of its training, or take another model"
            )
        names = actions.names(labels)
        if unknown := [name for name in names if name not in own]:
            raise ValueError(
                f"label {unknown[0]!r}: the model is a classifier, which knows only the "
                f"{len(own) or 'unnamed'} labels of its training; name no others, or train with "
                'loss.kind = "contrastive" to ask for any'
            )
        columns = [own.index(name) for name in names]
        return lambda features: classifier.logits(features)[:, columns].softmax(dim=-1)
