"""Clips become strips of the frames that the model saw, small enough for a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actionclip import pages
from actionclip.data import clips
from actionclip.data.annotations import Example
from actionclip.data.clips import Sampling


def draw(
    examples: Sequence[Example], places: Iterable[int], sampling: Sampling
) -> dict[int, list[str]]:
    """Give pictures of some clips as data URIs, by their places.

    Args:
        examples: clips that can be read.
        places: of those that are wanted.
        sampling: which frames are shown: those of a single window.
    """
    return {place: _strip(examples[place], sampling) for place in places}


def _strip(example: Example, sampling: Sampling) -> list[str]:
    frames, _ = clips.read_sampled(
        example,
        sampling,
        lambda available: sampling.windows(available, 1)[0],
        pages.THUMBNAIL_HEIGHT,
    )
    return [pages.thumbnail(frame) for frame in frames]
