"""What clients send to search an archive, and what they get of it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from actionclip.server.questions import Score, Text, Threshold

MAX_HITS = 1000
"""Of all pages of a search."""
MAX_EXAMPLES = 16
_VIDEO_ID = "7f83b1657ff1fc53b92dc1"
_EXAMPLE = re.compile(r"(?P<video>[\w-]{1,64})(?:@(?P<part>\d{1,9}\.?\d{0,9}-\d{1,9}\.?\d{0,9}))?")

Like = Annotated[str, Field(max_length=128)]


class SearchQuestion(BaseModel):
    """Which moments of the archive show this?"""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {
                "text": "somebody falls",
                "without": ["somebody lies in bed"],
                "threshold": "auto",
                "limit": 20,
            }
        },
    )
    text: Text | None = Field(None, description="An action in your own words.")
    like: list[Like] = Field(
        [],
        max_length=MAX_EXAMPLES,
        description="Examples: ids of videos, or moments of indexed ones, `ID@START-END`, as "
        "`example` of a hit has them. A form may have a file as one more example.",
    )
    like_share: Score | None = Field(
        None, description="What examples count beside words; by default half."
    )
    without: list[Text] = Field(
        [], max_length=64, description="Actions that a moment must not show more."
    )
    threshold: Threshold | None = Field(
        None, description="Score that a moment reaches; without it, weaker ones follow."
    )
    templates: list[Text] | None = Field(None, max_length=64)
    offset: int = Field(0, ge=0, lt=MAX_HITS, description="Hits to leave out, of the best.")
    limit: int = Field(20, ge=1, le=100)


class SearchHit(BaseModel):
    """A moment of an indexed video."""

    video: str = Field(description="Its id, for /v1/videos.")
    name: str
    start_seconds: float
    end_seconds: float
    score: Score
    example: str = Field(description="What `like` takes to find more like it.")
    copies: list[str] = Field(description="Ids of other videos that show the same scene.")


class SearchAnswer(BaseModel):
    """A page of hits, best first."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "hits": [
                    {
                        "video": _VIDEO_ID,
                        "name": "hall/monday.mp4",
                        "start_seconds": 3.25,
                        "end_seconds": 5.5,
                        "score": 0.8312,
                        "example": f"{_VIDEO_ID}@3.25-5.5",
                        "copies": [],
                    }
                ],
                "next_offset": 20,
            }
        }
    )
    hits: list[SearchHit]
    next_offset: int | None = Field(None, description="Of the next page, if there is one.")


class Failure(BaseModel):
    """A video that could not be indexed."""

    name: str
    error: str


class ArchiveFacts(BaseModel):
    """What is in the archive."""

    videos: int
    windows: int
    hours: float = Field(description="Of video; the same content counts once.")
    bytes: int
    vanished: int = Field(description="Files that are gone.")
    failed: int
    failures: list[Failure] = Field(description="The first hundred.")
    is_indexing: bool = Field(description="Whether a program is adding videos now.")


def parse_like(example: str) -> tuple[str, str | None]:
    """Return the id of a video and, if the example is a moment of it, "START-END".

    Raises:
        ValueError: it is neither.
    """
    written = _EXAMPLE.fullmatch(example)
    if written is None:
        raise ValueError(
            f"like: {example[:64]!r} is no example; give the id of a video, or ID@START-END"
        )
    return written["video"], written["part"]
