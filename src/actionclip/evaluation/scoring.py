"""A model and labelled clips become scores: of every clip for each candidate label.

Vision features are cached; a single view has the key that training gives its held-out clips. Batch
size, workers, order and the number of processes change scores by rounding only: 1e-5 in fp32.

Shapes:
    R: clips   V: views of each   T: frames   E: width of a row of vision features
    C: the part of it that is about the frames around   F: width of frame features
    D: shared width   K: templates   N: labels
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch import distributed as dist

from actionclip import conventions
from actionclip.conventions import Conventions
from actionclip.core import context, encode, scoring
from actionclip.core.cache import FeatureCache, Progress
from actionclip.data import loading
from actionclip.data.annotations import Annotations, Example
from actionclip.data.clips import Sampling
from actionclip.data.dataset import TestViews
from actionclip.data.loading import Batch, Loader
from actionclip.evaluation import metrics
from actionclip.evaluation.protocols import Subset
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Classifier
from actionclip.video.decoder import SHARED_DECODER

MAX_FRAMES = 256
"""Of a batch that is read, unless a single clip has more; the tower takes it in parts."""
_CLIPS_AT_ONCE = 64

Scorer = Callable[[Tensor, tuple[str, ...]], Tensor]
"""Returns logits (R, V, K, N) for clip features (R, V, F) and N candidate labels."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Views:
    """The views of each clip: windows × crops."""

    sampling: Sampling
    num_windows: int = 1
    num_crops: int = 1
    """1, the middle square, or 3 along the long side."""
    conventions: Conventions = conventions.DEFAULT
    """How frames are scaled and cropped."""

    def cache_entry(self, example: Example) -> dict[str, Any]:
        """Return all that features depend on besides video and model, as plain values."""
        entry: dict[str, Any] = {
            "start": example.start_seconds,
            "end": example.end_seconds,
            "num_frames": self.sampling.num_frames,
            "sampling": self.sampling.kind,
            "rules": encode.code_of("actionclip.data"),
        }
        if self.sampling.kind == "dense":
            entry["stride"] = self.sampling.stride
        if self.num_windows * self.num_crops > 1:
            entry |= {"windows": self.num_windows, "crops": self.num_crops}
        if self.conventions.like != "default":
            entry["like"] = self.conventions.like
        return entry


@dataclass(frozen=True)
class EncodedClips:
    """Clips as features, before any label is chosen."""

    annotations: Annotations
    """The R clips that could be read, in their order."""
    features: Float[Tensor, "R V F"]
    """Output of the temporal head for each view, of any length."""
    left_out: Mapping[str, str]
    """The source of each clip that cannot be read, and the reason."""


@dataclass(frozen=True)
class ScoredClips:
    """The scores of R clips for N labels."""

    annotations: Annotations
    """The R examples in order, and the N candidate labels."""
    scores: Float[Tensor, "R N"]
    """Probabilities of labels that exclude each other, 0…1; logits where clips have several."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """As in `EncodedClips`."""

    def __post_init__(self) -> None:
        expected = (len(self.annotations.examples), len(self.annotations.labels))
        assert self.scores.shape == expected, (self.scores.shape, expected)

    @property
    def exclusive(self) -> bool:
        """Whether every clip has exactly one label."""
        return not self.annotations.is_multi_label

    @property
    def label_indices(self) -> list[list[int]]:
        """The label indices of every clip."""
        return [self.annotations.label_indices(e) for e in self.annotations.examples]

    @property
    def truth(self) -> Int[Tensor, " R"]:
        """The label index of every clip, where each has one."""
        return torch.tensor([index for (index,) in self.label_indices])

    @property
    def multi_hot(self) -> Bool[Tensor, "R N"]:
        """Which labels every clip has."""
        return metrics.multi_hot(self.label_indices, self.scores.shape[1])


def read_features(
    model: ActionCLIP,
    annotations: Annotations,
    views: Views,
    indices: Sequence[int],
    left_out: dict[int, str],
    *,
    batch_size: int = 16,
    num_workers: int = 0,
    on_progress: Progress = lambda done, total: None,
) -> Iterator[tuple[list[int], Float[Tensor, "R V T E"]]]:
    """Yield the vision features of clips with their indices, in any order.

    Folders of pictures are encoded each time, other clips once.

    Args:
        model: whose vision tower encodes the frames.
        annotations: the clips.
        views: of each clip.
        indices: of the clips to read.
        left_out: gets the reason for each clip that cannot be read, by index.
        batch_size: clips at once, fewer if they have many frames.
        num_workers: processes that decode; 0 decodes here.
        on_progress: called with the numbers of finished and of all clips.

    Raises:
        ValueError: too many videos are damaged, or the number of crops is neither 1 nor 3.
    """
    encoder = model.encoder
    clips = TestViews(
        annotations,
        views.sampling,
        encoder.short_side,
        encoder.image_size,
        num_windows=views.num_windows,
        num_crops=views.num_crops,
        conventions=views.conventions,
    )
    num_views = views.num_windows * views.num_crops
    cache = FeatureCache(encode.depends_on(model))

    def batches(chosen: Sequence[int]) -> list[list[int]]:
        return loading.split(chosen, batch_size, clips.frames_per_sample, MAX_FRAMES)

    def encode_batch(batch: Batch) -> tuple[list[int], Tensor]:
        features = encode.vision_features(model, batch.clips.flatten(0, 1))  # (R·V, T, E)
        indices = batch.examples.tolist()
        around = [each for index in indices for each in around_views(model, clips, index)]
        return indices, context.add(model, features, around).unflatten(0, (-1, num_views))

    def encode_clips(chosen: Sequence[int]) -> Iterator[tuple[list[int], Tensor]]:
        loader = Loader(clips, num_workers=num_workers)
        yield from encode.parallel_map(encode_batch, loader.read(batches(chosen)), model)
        left_out.update(loader.damaged)

    def key_of(example: Example) -> str | None:
        try:
            return None if example.frames else cache.key(example.video, views.cache_entry(example))
        except OSError:
            return None  # the loader reports it

    keys = {i: key for i in indices if (key := key_of(annotations.examples[i])) is not None}
    cached = list(keys)
    row_of = {index: row for row, index in enumerate(cached)}

    def compute(missing: list[int]) -> Iterator[tuple[int, Tensor]]:
        for found, features in encode_clips([cached[row] for row in missing]):
            for index, one in zip(found, features, strict=True):
                yield row_of[index], one.flatten(0, 1)  # (V·T, E)

    cache.fill(list(keys.values()), compute, lambda done, _: on_progress(done, len(indices)))
    for batch in batches([index for index in cached if index not in left_out]):
        features = cache.read([keys[index] for index in batch])  # (R, V·T, E)
        yield batch, features.unflatten(1, (num_views, -1))
    done = len(cached)
    for found, features in encode_clips([index for index in indices if index not in keys]):
        done += len(found)
        on_progress(done, len(indices))
        yield found, features


def around_views(
    model: ActionCLIP, clips: TestViews, index: int
) -> list[Float[Tensor, "T C"] | None]:
    """See what is around the frames of each view of an example; nothing in folders of pictures.

    Pictures have no times. The crops of a window share what is around it.
    """
    num_views = clips.num_windows * clips.num_crops
    example = clips.annotations.examples[index]
    if model.encoder.context is None or example.frames is not None:
        return [None] * num_views
    within, windows = clips.windows(index)
    found = [
        context.around_frames(model, SHARED_DECODER, example.video, numbers, within).around
        for numbers in windows
    ]
    return [around for around in found for _ in range(clips.num_crops)]


def encode_clips(
    model: ActionCLIP,
    annotations: Annotations,
    views: Views,
    *,
    batch_size: int = 16,
    num_workers: int = 0,
    on_progress: Progress = lambda done, total: None,
) -> EncodedClips:
    """Encode every clip that can be read; each process encodes a share and returns all clips.

    Arguments and errors are those of `read_features`.
    """
    rank, num_processes = 0, 1
    if dist.is_initialized():
        rank, num_processes = dist.get_rank(), dist.get_world_size()
    examples = annotations.examples
    reasons: dict[int, str] = {}
    batches = read_features(
        model,
        annotations,
        views,
        range(rank, len(examples), num_processes),
        reasons,
        batch_size=batch_size,
        num_workers=num_workers,
        on_progress=on_progress,
    )
    found: list[tuple[int, Tensor]] = []
    for indices, features in batches:
        found += zip(indices, encode.project_views(model, features), strict=True)
    found = sorted(_gather(found), key=operator.itemgetter(0))
    left_out = sorted(_gather(list(reasons.items())))
    return EncodedClips(
        annotations.with_examples(examples[index] for index, _ in found),
        torch.stack([features for _, features in found]),
        {examples[index].source: reason for index, reason in left_out},
    )


@torch.inference_mode()
def score(clips: EncodedClips, subset: Subset, scorer: Scorer) -> ScoredClips:
    """Score a subset's candidates for each of its clips: the mean over views and templates."""
    selected = subset.select(clips.annotations)
    features = clips.features[subset.indices(clips.annotations)]
    exclusive = not selected.is_multi_label
    scores = [
        scoring.mean_scores(scorer(part, subset.candidates), exclusive=exclusive).cpu()
        for part in features.split(_CLIPS_AT_ONCE)
    ]
    return ScoredClips(selected, torch.cat(scores), clips.left_out)


def text_scorer(
    model: ActionCLIP,
    labels: Sequence[str],
    embeddings: Float[Tensor, "K N D"],
    logit_scale: float | None = None,
) -> Scorer:
    """Return a scorer that compares clips with label embeddings.

    Args:
        model: its scale over its temperature multiplies the cosines, without a `logit_scale`.
        labels: in the order of the embeddings; all that will be candidates.
        embeddings: of the labels in every template, of length one.
        logit_scale: factor of the cosines.
    """
    scale = model.scale / model.calibration.temperature if logit_scale is None else logit_scale
    column_of = {label: column for column, label in enumerate(labels)}

    def logits(
        features: Float[Tensor, "R V F"], candidates: tuple[str, ...]
    ) -> Float[Tensor, "R V K N"]:
        chosen = embeddings[:, [column_of[label] for label in candidates]]
        clips = model.encoder.normalize(features.to(chosen.device))
        return scoring.logits(clips.flatten(0, 1), chosen, scale).unflatten(0, clips.shape[:2])

    return logits


def classifier_scorer(classifier: Classifier, labels: Sequence[str]) -> Scorer:
    """Return the scorer of the unimodal baseline, a linear layer over its training labels.

    Raises:
        ValueError: the layer has another number of labels; later, a candidate is none of them.
    """
    if len(classifier.weight) != len(labels):
        raise ValueError(
            f"the classifier tells {len(classifier.weight)} labels apart, not {len(labels)};"
            " name the labels that it was trained on, in their order"
        )
    column_of = {label: column for column, label in enumerate(labels)}

    def logits(
        features: Float[Tensor, "R V F"], candidates: tuple[str, ...]
    ) -> Float[Tensor, "R V 1 N"]:
        unknown = [label for label in candidates if label not in column_of]
        if unknown:
            raise ValueError(
                "the model is a classifier, which knows only the labels that it was trained on, and"
                f" {unknown[0]!r} is none of those; give data with its {len(column_of)} labels"
            )
        columns = [column_of[label] for label in candidates]
        return classifier.logits(features)[:, :, None, columns]

    return logits


def _gather(found: list[_T]) -> list[_T]:
    """Collect the lists of all processes."""
    if not dist.is_initialized():
        return found
    parts: list[list[_T]] = [[] for _ in range(dist.get_world_size())]
    dist.all_gather_object(parts, found)
    return [item for part in parts for item in part]
