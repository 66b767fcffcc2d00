"""Clips as features: what a frozen vision tower says of each view is computed once and looked up.

View 0 of a clip is the one for testing. The others are drawn and augmented from a seed that follows
from the clip's content and the number of the view: the same in every run, and different for every
clip. Each process computes its share. Knows how to fill and to ask the cache, not how it keeps
things (`core.cache`).

Shapes:
    R: clips   T: frames of a clip   S: pixels   E: width of the vision tower
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from torch import Tensor

from actionclip.core import encode
from actionclip.core.cache import FeatureCache
from actionclip.evaluation.scoring import Views
from actionclip.model.actionclip import ActionCLIP
from actionclip.training.batches import Plan
from actionclip.training.sources import TEST_BATCH_SIZE, Source, Videos

Progress = Callable[[int, int], None]

_SHOWN_AT_ONCE = 256


class CachedFeatures(Source):
    """A source that decodes each view of a video once."""

    def __init__(
        self,
        videos: Videos,
        model: ActionCLIP,
        accelerator: Accelerator,
        num_views: int,
        on_progress: Progress,
    ) -> None:
        """Compute what is not there yet.

        Args:
            videos: gives the pixels.
            model: its vision tower is frozen.
            accelerator: knows the processes.
            num_views: of each clip, to draw from.
            on_progress: told how many features are there, and how many are wanted.

        Raises:
            ValueError: a video is a folder of pictures, or too many cannot be read.
        """
        self._cache = FeatureCache(encode.depends_on(model))
        wanted = [
            (place, view)
            for place in range(len(videos.annotations.examples))
            for view in range(num_views)
        ]
        keys = [self._cache.key(*_what(videos, place, view)) for place, view in wanted]

        def fill(share: range) -> None:
            def compute(missing: list[int]) -> Iterator[tuple[int, Tensor]]:
                spots = {wanted[share[spot]]: spot for spot in missing}
                seeds = {pair: _seed(keys[share[spot]]) for pair, spot in spots.items()}
                for place, view, features in _encode(videos, model, seeds):
                    yield spots[place, view], features

            self._cache.fill([keys[spot] for spot in share], compute, on_progress)

        fill(range(accelerator.process_index, len(wanted), accelerator.num_processes))
        accelerator.wait_for_everyone()
        if self._cache.is_in_memory and accelerator.num_processes > 1:
            fill(range(len(wanted)))  # what another process could not store is not known here
        damaged = {wanted[spot][0] for spot in self._cache.missing(keys)}
        whole = [place for place in range(len(videos.annotations.examples)) if place not in damaged]
        self.annotations = videos.annotations.with_examples(
            videos.annotations.examples[place] for place in whole
        )
        key_of = dict(zip(wanted, keys, strict=True))
        self._keys = [[key_of[place, view] for view in range(num_views)] for place in whole]

    def draw(self, plans: Sequence[Plan]) -> Iterator[tuple[Plan, Tensor]]:
        """Give one of the views of each clip; its seed says which."""
        for plan in plans:
            drawn = zip(plan.clips, plan.seeds, strict=True)
            keys = [self._keys[place][seed % len(self._keys[place])] for place, seed in drawn]
            yield plan, self._cache.read(keys)

    def show(self, places: Sequence[int]) -> Iterator[tuple[Sequence[int], Tensor]]:
        """Give the first view of each clip."""
        for start in range(0, len(places), _SHOWN_AT_ONCE):
            some = places[start : start + _SHOWN_AT_ONCE]
            yield some, self._cache.read([self._keys[place][0] for place in some])


def _what(videos: Videos, place: int, view: int) -> tuple[Path, dict[str, Any]]:
    """Say all that a view depends on.

    Raises:
        ValueError: the video is a folder of pictures.
    """
    example = videos.annotations.examples[place]
    if example.frames is not None:
        raise ValueError(
            f"{example.source}: a folder of pictures, whose features cannot be kept; "
            "set data.cached_views = 0, or give video files"
        )
    shown = Views(videos.sampling, conventions=videos.conventions).cache_entry(example)
    if view == 0:
        return example.video, shown
    one_sided = not set(videos.taken["one_sided"]).isdisjoint(example.labels)
    return example.video, {**shown, **videos.taken, "one_sided": one_sided, "drawn_view": view}


def _seed(key: str) -> int:
    """Return the seed of a drawn view: its key names the clip's content and the view."""
    return int(key[:15], 16)


def _encode(
    videos: Videos,
    model: ActionCLIP,
    wanted: Mapping[tuple[int, int], int],
) -> Iterator[tuple[int, int, Tensor]]:
    """Yield place, view and features of the clips that can be read.

    Args:
        videos: gives the pixels.
        model: encodes them.
        wanted: the seed of each place and view.
    """
    model.eval()
    for view in sorted({view for _, view in wanted}):
        places = [place for place, other in wanted if other == view]
        if view == 0:
            read = videos.show(places)
        else:
            starts = range(0, len(places), TEST_BATCH_SIZE)
            batches = [places[start : start + TEST_BATCH_SIZE] for start in starts]
            read = videos.read([[(p, wanted[p, view]) for p in batch] for batch in batches])
        for found, clips in read:
            features = encode.vision_features(model, clips)  # (R, T, E)
            for place, one in zip(found, features, strict=True):
                yield place, view, one
