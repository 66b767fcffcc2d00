"""What a search returns, and its files: JSON, CSV and a video clip of each hit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actionclip import display
from actionclip.timeline import export
from actionclip.timeline.moments import Moment
from actionclip.video.decoder import SHARED_DECODER, Decoder

_COLUMNS = ("video", "start_seconds", "end_seconds", "score", "example", "copies")


@dataclass(frozen=True)
class Hit:
    """A moment of an indexed video that a query describes."""

    video: Path
    start_seconds: float
    """On the file's clock, as players show it."""
    end_seconds: float
    score: float
    """The mean over its time, 0…1, as `timeline` gives it."""
    video_id: str = ""
    """Names the video's content."""
    copies: tuple[Path, ...] = ()
    """Other files that show the same scene; they are no hits of their own."""

    @property
    def example(self) -> str:
        """What `Archive.search` takes to find more like it: "archive:ID@12.5-15"."""
        return f"archive:{self.video_id}@{self.start_seconds:g}-{self.end_seconds:g}"


def to_json(query: str, hits: Sequence[Hit]) -> str:
    """Return `{"query", "hits": [{"video", "start_seconds", "end_seconds", "score"}]}`.

    A hit has its `example` as well, and the paths of its copies if there are any.
    """
    return display.to_json({"query": query, "hits": [_fields(hit) for hit in hits]}, indent=2)


def to_csv(hits: Sequence[Hit]) -> str:
    """Return a table with a header and a row for each hit; `copies` is a number."""
    buffer = io.StringIO()
    writer: csv.DictWriter[str] = csv.DictWriter(buffer, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows({**_fields(hit), "copies": len(hit.copies)} for hit in hits)
    return buffer.getvalue()


def write_clips(
    query: str,
    hits: Sequence[Hit],
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    decoder: Decoder = SHARED_DECODER,
    max_seconds: float = float("inf"),
) -> list[Path]:
    """Write a video for each hit, best first, into folders 001, 002, … of a folder.

    Args:
        query: named in the names of the files.
        hits: in any order.
        folder: made if absent.
        on_progress: called with the number of clips written and that of all.
        decoder: reads the videos.
        max_seconds: of a clip; longer hits are cut off.

    Raises:
        FileNotFoundError: a video is gone.
        ValueError: a video cannot be decoded.
    """
    paths: list[Path] = []
    for number, hit in enumerate(hits, start=1):
        end_seconds = min(hit.end_seconds, hit.start_seconds + max_seconds)
        moment = Moment(hit.start_seconds, end_seconds, query, hit.score)
        own = folder / f"{number:03}"
        own.mkdir(parents=True, exist_ok=True)
        paths += export.write_clips(hit.video, [moment], own, decoder=decoder)
        on_progress(number, len(hits))
    return paths


def _fields(hit: Hit) -> dict[str, object]:
    fields: dict[str, object] = {
        "video": str(hit.video),
        "start_seconds": hit.start_seconds,
        "end_seconds": hit.end_seconds,
        "score": hit.score,
        "example": hit.example,
    }
    return {**fields, "copies": [str(copy) for copy in hit.copies]} if hit.copies else fields
