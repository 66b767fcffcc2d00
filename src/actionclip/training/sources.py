"""Which clips meet in which step, and where they come from: pixels of videos, or cached features.

The seed, the epoch and the step determine a batch, so that a resumed run continues as if it had not
stopped. Every process plans whole batches, and reads its own part of them. A source yields clips of
a data set by their indices: pixels (R, T, 3, S, S), uint8 or 0…1, or features (R, T, E).

Shapes:
    R: clips of this process   T: frames of a clip   S: pixels
    E: width of a row of vision features   C: the part of it that is about the frames around
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from accelerate import Accelerator
from jaxtyping import Float
from torch import Tensor

from actionclip.core import context, encode
from actionclip.core.cache import FeatureCache
from actionclip.data import loading
from actionclip.data.annotations import Annotations
from actionclip.data.augmentation import Augmentation
from actionclip.data.clips import Sampling
from actionclip.data.dataset import Cropped, TestViews, TrainingClips, Transform
from actionclip.data.loading import Loader
from actionclip.data.official_augmentation import OfficialAugmentation
from actionclip.evaluation import scoring
from actionclip.evaluation.scoring import Views
from actionclip.model.actionclip import ActionCLIP
from actionclip.training.recipe import Recipe

_ORDER, _DRAWS = 0, 1
"""Independent streams of random numbers."""
_TEST_BATCH_SIZE, _MAX_FRAMES = 16, 256
"""Of a batch without gradients, at most."""
_CACHED_BATCH_SIZE = 256

OnProgress = Callable[[int, int], None]
"""Called with the number of features or clips that are ready, and that of all."""


class Plan(NamedTuple):
    """The clips of one step, and the text of each."""

    clips: tuple[int, ...]
    labels: tuple[int, ...]
    templates: tuple[int, ...]
    seeds: tuple[int, ...]
    """Of each clip's frames and augmentation."""

    def choose(self, rows: Sequence[int]) -> Plan:
        """Return the plan of some of the clips."""
        return Plan(*(tuple(column[row] for row in rows) for column in self))


def plan_epoch(
    labels: Sequence[Sequence[int]], num_templates: int, batch_size: int, seed: int, epoch: int
) -> list[Plan]:
    """Plan the steps of an epoch; clips that fill no batch are left out.

    Args:
        labels: the label indices of each clip; with several, a text names a random one.
        num_templates: to draw from.
        batch_size: clips of a step, over all processes.
        seed: of the run.
        epoch: counts from 0.
    """
    order = np.random.default_rng((seed, _ORDER, epoch)).permutation(len(labels))
    plans = []
    for step in range(len(labels) // batch_size):
        clips = order[step * batch_size : (step + 1) * batch_size].tolist()
        rng = np.random.default_rng((seed, _DRAWS, epoch, step))
        drawn_labels = tuple(int(rng.choice(labels[clip])) for clip in clips)
        templates = tuple(rng.integers(num_templates, size=batch_size).tolist())
        seeds = tuple(rng.integers(2**62, size=batch_size).tolist())
        plans.append(Plan(tuple(clips), drawn_labels, templates, seeds))
    return plans


class Videos:
    """Decodes, samples and augments clips as a model takes them and a recipe says."""

    def __init__(
        self,
        annotations: Annotations,
        model: ActionCLIP,
        recipe: Recipe,
        *,
        pin_memory: bool = False,
    ) -> None:
        """Set up reading of the clips of one split; workers start with the first batch."""
        chosen, size = recipe.data, model.encoder.image_size
        self.annotations = annotations
        self.sampling = Sampling(model.config.num_frames, chosen.sampling)
        self.conventions = recipe.conventions
        self.augmentation = chosen.augmentation
        self.one_sided = {
            label for label in annotations.labels if {"left", "right"} & {*label.lower().split()}
        }
        """Labels whose mirror image is another action."""
        if chosen.one_sided is not None:
            self.one_sided = {*chosen.one_sided}
        short_side: int | None = model.encoder.short_side
        shown = TestViews(
            annotations, self.sampling, short_side, size, conventions=self.conventions
        )
        randaugment = not chosen.augmentation.endswith("-without-randaugment")
        transform: Transform = Augmentation(size, randaugment=randaugment)
        if chosen.augmentation == "none":
            transform = Cropped(size, self.conventions)
        elif chosen.augmentation.startswith("official"):
            transform, short_side = OfficialAugmentation(size, randaugment), None
        drawn = TrainingClips(
            annotations,
            self.sampling,
            transform,
            short_side=short_side,
            one_sided=self.one_sided,
            conventions=self.conventions,
        )
        options: Any = {"num_workers": chosen.num_workers, "pin_memory": pin_memory}
        self.shown = shown
        """The clips as for testing."""
        self._drawn, self._shown = Loader(drawn, **options), Loader(shown, **options)

    def draw(self, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Tensor]]:
        """Yield the clips of each plan; a damaged one is replaced by another of its plan.

        Raises:
            ValueError: all videos of a plan are damaged, or too many of the data set.
        """
        batches = self.read([list(zip(plan.clips, plan.seeds, strict=True)) for plan in plans])
        for plan in plans:
            indices, clips = next(batches, ([], None))
            row_of = {clip: row for row, clip in enumerate(indices)}
            whole = [row for row, clip in enumerate(plan.clips) if clip in row_of]
            if clips is None or not whole:
                first = self.annotations.examples[plan.clips[0]].source
                raise ValueError(
                    f"no video of a batch of {len(plan.clips)} can be read, the first is that of "
                    f"{first}; run `actionclip data check`"
                )
            if indices == list(plan.clips):
                yield plan, clips  # a copy would not be in pinned memory
                continue
            rows = [row if clip in row_of else whole[0] for row, clip in enumerate(plan.clips)]
            yield plan.choose(rows), clips[[row_of[plan.clips[row]] for row in rows]]

    def read(self, batches: list[list[tuple[int, int]]]) -> Iterator[tuple[list[int], Tensor]]:
        """Yield clips drawn for batches of (index, seed); damaged ones are left out."""
        for batch in self._drawn.read(batches):
            yield batch.examples.tolist(), batch.clips

    def show(self, indices: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Yield the middle crop of each video's middle frames; damaged ones are left out."""
        num_frames = self.sampling.num_frames
        for batch in self._shown.read(
            loading.split(indices, _TEST_BATCH_SIZE, num_frames, _MAX_FRAMES)
        ):
            yield batch.examples.tolist(), batch.clips.squeeze(1)


class HeldClips:
    """Clips as for testing, each decoded once and held in memory: for pictures and short videos.

    Examples of the same part of the same video, such as a picture's captions, share a clip.
    """

    def __init__(self, videos: Videos, on_progress: OnProgress) -> None:
        """Decode all; those that cannot be read are left out.

        Raises:
            ValueError: too many cannot be read.
        """
        examples = videos.annotations.examples
        parts = [(each.video, each.start_seconds, each.end_seconds) for each in examples]
        first_of: dict[object, int] = {}
        for index, part in enumerate(parts):
            first_of.setdefault(part, index)
        row_of: dict[int, int] = {}
        clips = []
        for indices, batch in videos.show(list(first_of.values())):
            row_of |= {index: len(row_of) + row for row, index in enumerate(indices)}
            clips.append(batch)
            on_progress(len(row_of), len(first_of))
        self._clips = torch.cat(clips)
        whole = [index for index, part in enumerate(parts) if first_of[part] in row_of]
        self._rows = [row_of[first_of[parts[index]]] for index in whole]
        self.annotations = videos.annotations.with_examples(examples[index] for index in whole)

    def draw(self, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Tensor]]:
        """Yield the clips of each plan, the same in every epoch."""
        for plan in plans:
            yield plan, self._clips[[self._rows[index] for index in plan.clips]]

    def show(self, indices: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Yield the clips of some examples."""
        for some in loading.split(indices, _CACHED_BATCH_SIZE, self._clips.shape[1], _MAX_FRAMES):
            yield some, self._clips[[self._rows[index] for index in some]]


class CachedFeatures:
    """The features that a frozen vision tower computes of some views of each clip, once.

    View 0 is that of testing. The seed of another view follows from the content of the clip and the
    number of the view: it is the same in every run, and another for each clip.
    """

    def __init__(
        self,
        videos: Videos,
        model: ActionCLIP,
        accelerator: Accelerator,
        num_views: int,
        on_progress: OnProgress,
    ) -> None:
        """Compute the features that are not in the cache; each process computes its share.

        Raises:
            ValueError: a video is a folder of pictures, or too many cannot be read.
        """
        self._cache = FeatureCache(encode.depends_on(model))
        num_clips = len(videos.annotations.examples)
        views = [(index, view) for index in range(num_clips) for view in range(num_views)]
        keys = [self._key(videos, index, view) for index, view in views]

        def fill(share: range) -> None:
            def compute(missing: list[int]) -> Iterator[tuple[int, Tensor]]:
                for view in range(num_views):
                    row_of = {views[share[r]][0]: r for r in missing if views[share[r]][1] == view}
                    seeds = [(i, int(keys[share[row]][:15], 16)) for i, row in row_of.items()]
                    if not seeds:
                        continue
                    if view == 0:
                        batches = videos.show(list(row_of))
                    else:
                        batches = videos.read(
                            loading.split(seeds, _TEST_BATCH_SIZE, 1, _MAX_FRAMES)
                        )
                    for indices, clips in batches:
                        features = encode.vision_features(model, clips)  # (R, T, E)
                        around = [self._around(videos, model, index, view) for index in indices]
                        rows = context.add(model, features, around)
                        yield from zip([row_of[index] for index in indices], rows, strict=True)

            self._cache.fill([keys[row] for row in share], compute, on_progress)

        model.eval()
        fill(range(accelerator.process_index, len(views), accelerator.num_processes))
        accelerator.wait_for_everyone()
        if self._cache.is_in_memory and accelerator.num_processes > 1:
            fill(range(len(views)))  # what another process could not store is not known here
        damaged = {views[row][0] for row in self._cache.missing(keys)}
        whole = [index for index in range(num_clips) if index not in damaged]
        examples = videos.annotations.examples
        self.annotations = videos.annotations.with_examples(examples[index] for index in whole)
        self._keys = [keys[index * num_views : (index + 1) * num_views] for index in whole]

    def draw(self, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Tensor]]:
        """Yield one of the views of each clip, which its seed selects."""
        for plan in plans:
            views = [self._keys[index] for index in plan.clips]
            keys = [of_clip[s % len(of_clip)] for of_clip, s in zip(views, plan.seeds, strict=True)]
            yield plan, self._cache.read(keys)

    def show(self, indices: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Yield the first view of each clip."""
        for start in range(0, len(indices), _CACHED_BATCH_SIZE):
            some = indices[start : start + _CACHED_BATCH_SIZE]
            yield some, self._cache.read([self._keys[index][0] for index in some])

    def _around(
        self, videos: Videos, model: ActionCLIP, index: int, view: int
    ) -> Float[Tensor, "T C"] | None:
        """See what is around the frames of the view of testing; it is the same in all views."""
        if model.encoder.context is None:
            return None
        first = self._cache.find(self._key(videos, index, 0)) if view else None
        if first is not None:
            return first[:, -model.encoder.context.width :]
        [around] = scoring.around_views(model, videos.shown, index)
        return around

    def _key(self, videos: Videos, index: int, view: int) -> str:
        """Return the key of a view: everything that its features depend on."""
        example = videos.annotations.examples[index]
        if example.frames is not None:
            raise ValueError(
                f"{example.source}: a folder of pictures, whose features cannot be cached; "
                "set data.cached_views = 0, or give video files"
            )
        entry = Views(videos.sampling, conventions=videos.conventions).cache_entry(example)
        if view > 0:
            entry |= {
                "augmentation": videos.augmentation,
                "one_sided": not videos.one_sided.isdisjoint(example.labels),
                "drawn_view": view,
            }
        return self._cache.key(example.video, entry)


Source = Videos | HeldClips | CachedFeatures
