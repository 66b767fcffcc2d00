"""Clips to test on as features: what the vision tower says of every view is computed once and kept.

Another label list, template or temporal head then costs no pixel. A single view of each clip is
kept as training keeps its held-out clips, so that either finds what the other has computed. Clips
whose content has no name, such as folders of pictures, are encoded each time.

Shapes:
    B: clips   V: views of each   T: frames   E: width of the vision tower
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Float
from torch import Tensor

from actionclip import conventions
from actionclip.conventions import Conventions
from actionclip.core import encode
from actionclip.core.cache import FeatureCache
from actionclip.data import loading
from actionclip.data.annotations import Annotations, Example
from actionclip.data.clips import Sampling
from actionclip.data.dataset import TestViews
from actionclip.data.loading import Batch, Loader
from actionclip.model.actionclip import ActionCLIP

MAX_FRAMES = 256
"""Of a batch that is read, at most, unless a single clip has more; the tower takes it in parts."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Views:
    """Where a video is looked at: windows × crops."""

    sampling: Sampling
    num_windows: int = 1
    num_crops: int = 1
    """1, the middle square, or 3 along the long side."""
    conventions: Conventions = conventions.DEFAULT
    """How frames are scaled and cropped."""

    def __len__(self) -> int:
        """Give V."""
        return self.num_windows * self.num_crops


def entry(example: Example, views: Views) -> dict[str, Any]:
    """Say all that features depend on besides the video and the model, as plain values."""
    told: dict[str, Any] = {
        "start": example.start_seconds,
        "end": example.end_seconds,
        "num_frames": views.sampling.num_frames,
        "sampling": views.sampling.kind,
        "rules": encode.code_of("actionclip.data"),
    }
    if views.sampling.kind == "dense":
        told["stride"] = views.sampling.stride
    if len(views) > 1:
        told |= {"windows": views.num_windows, "crops": views.num_crops}
    if views.conventions.like != "default":
        told["like"] = views.conventions.like
    return told


class ViewFeatures:
    """The vision features of a data set's clips."""

    def __init__(
        self,
        model: ActionCLIP,
        annotations: Annotations,
        views: Views,
        *,
        batch_size: int = 16,
        num_workers: int = 0,
    ) -> None:
        """Open the cache; nothing is read yet.

        Args:
            model: its vision tower looks at the frames.
            annotations: the clips; they are named by their places in it.
            views: of each clip.
            batch_size: clips at once, fewer if they have many frames; changes nothing in the
                features.
            num_workers: processes that decode; 0 decodes here.

        Raises:
            ValueError: another number of crops than 1 or 3.
        """
        self.left_out: dict[int, str] = {}
        """Why, by place, for each clip that was asked for and cannot be read."""
        self._model = model
        self._annotations = annotations
        self._views = views
        self._batch_size = batch_size
        self._num_workers = num_workers
        encoder = model.encoder
        self._dataset = TestViews(
            annotations,
            views.sampling,
            encoder.short_side,
            encoder.image_size,
            num_windows=views.num_windows,
            num_crops=views.num_crops,
            conventions=views.conventions,
        )
        self._cache = FeatureCache(encode.depends_on(model))

    def read(
        self, places: Sequence[int], on_progress: Progress = lambda done, total: None
    ) -> Iterator[tuple[list[int], Float[Tensor, "B V T E"]]]:
        """Give the features of clips, some at once and in any order, and which clips they are.

        Args:
            places: of the clips that are wanted.
            on_progress: told how many clips the tower has seen, and how many are wanted.

        Raises:
            ValueError: too many videos are damaged.
        """
        keys = {place: key for place in places if (key := self._key(place)) is not None}
        kept = list(keys)
        row_of = {place: row for row, place in enumerate(kept)}

        def compute(missing: list[int]) -> Iterator[tuple[int, Tensor]]:
            for found, features in self._encode([kept[row] for row in missing]):
                for place, of_one in zip(found, features, strict=True):
                    yield row_of[place], of_one.flatten(0, 1)  # (V·T, E)

        self._cache.fill(
            list(keys.values()), compute, lambda done, _: on_progress(done, len(places))
        )
        for some in self._batches([place for place in kept if place not in self.left_out]):
            features = self._cache.read([keys[place] for place in some])  # (B, V·T, E)
            yield some, features.unflatten(1, (len(self._views), -1))
        done = len(kept)
        for found, features in self._encode([place for place in places if place not in keys]):
            done += len(found)
            on_progress(done, len(places))
            yield found, features

    def _key(self, place: int) -> str | None:
        """Name the features of a clip; None if its content has no name."""
        example = self._annotations.examples[place]
        if example.frames is not None:
            return None
        try:
            return self._cache.key(example.video, entry(example, self._views))
        except OSError:
            return None  # reading it says what is wrong

    def _encode(
        self, places: Sequence[int]
    ) -> Iterator[tuple[list[int], Float[Tensor, "B V T E"]]]:
        """Encode what can be read."""
        loader = Loader(self._dataset, num_workers=self._num_workers)

        def encode_batch(batch: Batch) -> tuple[list[int], Float[Tensor, "B V T E"]]:
            views = batch.clips.flatten(0, 1)  # (B·V, T, 3, S, S)
            features = encode.vision_features(self._model, views)  # (B·V, T, E)
            return batch.examples.tolist(), features.unflatten(0, (-1, len(self._views)))

        batches = loader.read(self._batches(places))
        yield from encode.parallel_map(encode_batch, batches, self._model)
        self.left_out |= loader.damaged

    def _batches(self, places: Sequence[int]) -> list[list[int]]:
        num_frames = self._dataset.frames_per_sample
        return loading.split(places, self._batch_size, num_frames, MAX_FRAMES)
