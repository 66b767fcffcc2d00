"""The page of a search: hits in a grid, each with a picture that plays the video from there.

Videos are linked, from where the page lies; without them the page still shows pictures and times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip.archive.hits import Hit
from actionclip.pages import html
from actionclip.pages.timeline import clock
from actionclip.video.decoder import SHARED_DECODER, Decoder

POSTER_HEIGHT = 252
"""Twice as high as it is shown, for dense screens."""


@dataclass(frozen=True)
class Card:
    """A hit as it is drawn."""

    name: str
    folder: str
    source: str
    """Address of the video, beginning where the hit does."""
    poster: str
    """A picture of its middle, as a data URI; empty if the video is not there."""
    period: str
    score: float
    example: str
    copies: Sequence[str]


def render(
    query: str,
    hits: Sequence[Hit],
    page: Path,
    archive: str,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    decoder: Decoder = SHARED_DECODER,
) -> str:
    """Render the page.

    Args:
        query: what was searched for, for people.
        hits: in their order.
        page: where the page will be written, for the links to the videos.
        archive: its address.
        on_progress: called with the numbers of pictures that are read and of all.
        decoder: reads the pictures.
    """
    cards: list[Card] = []
    for number, hit in enumerate(hits, start=1):
        cards.append(_card(hit, page, decoder))
        on_progress(number, len(hits))
    return html.render("search.html", query=query, cards=cards, archive=archive)


def _card(hit: Hit, page: Path, decoder: Decoder) -> Card:
    start, end = hit.start_seconds, hit.end_seconds
    return Card(
        hit.video.name,
        str(hit.video.parent),
        f"{html.link(hit.video, page)}#t={start:g},{end:g}",
        _poster(hit, decoder),
        f"{clock(start)} – {clock(end)}",
        hit.score,
        hit.example,
        [str(path) for path in hit.copies],
    )


def _poster(hit: Hit, decoder: Decoder) -> str:
    middle = (hit.start_seconds + hit.end_seconds) / 2
    try:
        [frame] = decoder.read_frames_at(hit.video, [middle], POSTER_HEIGHT)
    except (ValueError, OSError):  # it is gone, or was replaced, since it was indexed
        return ""
    return html.thumbnail(frame, POSTER_HEIGHT)
