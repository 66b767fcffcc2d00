"""What clients send and get: the documents of /v1, as /openapi.json describes them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MAX_LABELS = 1000
_MAX_TEXT = 300
"""Characters of a label or a template."""
_LABELS: list[Any] = ["driving a taxi", "parking a bicycle"]
_VIDEO_ID = "3rJ0wWnTq8oV1mYd0uX2aA"

Text = Annotated[str, Field(max_length=_MAX_TEXT)]
Score = Annotated[float, Field(ge=0, le=1)]


def _parse_threshold(value: object) -> object:
    """Return a number for the text that a form has."""
    if isinstance(value, str) and value != "auto":
        return float(value)
    return value


Threshold = Annotated[Score | Literal["auto"], BeforeValidator(_parse_threshold)]


class _Question(BaseModel):
    model_config = ConfigDict(extra="forbid")


def _forbidding(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": example})


class Labelled(_Question):
    """Labels, and how they are scored."""

    video: str | None = Field(
        None, description="Id of a stored video; not needed in a form with a file."
    )
    labels: list[Text] | None = Field(
        None,
        max_length=MAX_LABELS,
        description="Actions in your own words; by default those the model was trained on.",
    )
    label_set: str | None = Field(
        None, max_length=64, description="Name of a label set instead: see `/v1/labels`."
    )
    templates: list[Text] | None = Field(
        None,
        max_length=64,
        description="Sentences with a hole `{}` for the label; by default the model's own.",
    )


class RecognizeQuestion(Labelled):
    """Which of these labels does the video show?"""

    model_config = _forbidding({"video": _VIDEO_ID, "labels": _LABELS})
    threshold: Threshold | None = Field(
        None, description='Return only labels that score this, beside "none of these".'
    )
    top: int | None = Field(None, ge=1, le=MAX_LABELS, description="How many labels to return.")


class TimelineQuestion(Labelled):
    """When does each of these labels occur?"""

    model_config = _forbidding({"video": _VIDEO_ID, "labels": _LABELS, "threshold": "auto"})
    threshold: Threshold = Field("auto", description="Score that a moment reaches.")
    frames_per_second: float = Field(4.0, gt=0, le=60)
    window_seconds: list[float] = Field([2.0], min_length=1, max_length=8)
    stride_seconds: float | None = Field(None, gt=0, le=3600)
    curves: bool = Field(False, description="Return the scores over time as well.")


class Prediction(BaseModel):
    """A label and its score."""

    label: str
    score: Score


class RecognizedVideo(BaseModel):
    """The labels of one video."""

    video: str
    predictions: list[Prediction] = Field(description="Best first.")


class Recognition(BaseModel):
    """The answer to `RecognizeQuestion`, as `actionclip recognize --json` prints it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "results": [
                    {
                        "video": "bikes.mp4",
                        "predictions": [
                            {"label": "driving a taxi", "score": 0.6908},
                            {"label": "parking a bicycle", "score": 0.3092},
                        ],
                    }
                ]
            }
        }
    )
    results: list[RecognizedVideo]


class Moment(BaseModel):
    """A part of a video in which a label fits."""

    start_seconds: float
    end_seconds: float
    label: str
    score: Score


class Curves(BaseModel):
    """The scores of all labels over time; of a long video the highest of each few slots."""

    labels: list[str]
    thresholds: list[float] = Field(description="The score that a moment of each label reaches.")
    seconds: list[float] = Field(description="Where each slot begins, and where the last one ends.")
    scores: list[list[float]] = Field(description="For each label, of each slot.")


class Timeline(BaseModel):
    """The answer to `TimelineQuestion`, as `actionclip timeline --json` prints it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "video": "bikes.mp4",
                "moments": [
                    {
                        "start_seconds": 1.25,
                        "end_seconds": 5.25,
                        "label": "driving a taxi",
                        "score": 0.7105,
                    }
                ],
            }
        }
    )
    video: str
    moments: list[Moment]
    curves: Curves | None = None


class Progress(BaseModel):
    """How far a job is."""

    done: int = Field(description="Frames of a timeline, videos of an index.")
    total: int | None = Field(description="About how many there will be, if that is known.")


class JobStatus(BaseModel):
    """A job and, once it is done, its result."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "xb4tT0mLr6o5lY1c4Vd2Qg",
                "kind": "timeline",
                "state": "running",
                "progress": {"done": 128, "total": 400},
                "seconds": 1.7,
                "result": None,
                "problem": None,
            }
        }
    )
    id: str
    kind: str
    state: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: Progress
    seconds: float = Field(description="Running time so far.")
    result: Any = Field(None, description="What the request would have returned.")
    problem: dict[str, Any] | None = Field(None, description="Why it failed.")


class VideoFacts(BaseModel):
    """A stored video."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": _VIDEO_ID,
                "name": "bikes.mp4",
                "source": "upload",
                "bytes": 508081,
                "duration_seconds": 10.0,
                "frames_per_second": 25.0,
                "num_frames": 250,
                "width": 640,
                "height": 272,
            }
        }
    )
    id: str
    name: str
    source: Literal["upload", "archive"]
    bytes: int | None = None
    duration_seconds: float | None = None
    frames_per_second: float | None = None
    num_frames: int | None = None
    width: int | None = None
    height: int | None = None


class VideoList(BaseModel):
    """A page of the stored videos."""

    videos: list[VideoFacts]
    total: int


class UploadQuestion(_Question):
    """A form with one file."""


class LabelSet(BaseModel):
    """Labels of a benchmark, in its order."""

    name: str
    labels: list[str]


class LabelSets(BaseModel):
    """The label sets."""

    label_sets: list[str]


class ModelFacts(BaseModel):
    """The model that answers."""

    name: str
    encoder: str
    labels: list[str] = Field(description="Those it was trained on; empty if it takes any.")
    templates: list[str]
    good_for: str
    version: str = Field(description="Of ActionCLIP.")
    has_archive: bool
    allows_timelines: bool


class SessionQuestion(_Question):
    """The token, once, for a cookie."""

    token: str = Field(max_length=1024)


class Health(BaseModel):
    """Whether the service runs, and takes requests."""

    live: bool
    ready: bool
