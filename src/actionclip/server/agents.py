"""The archive for programs that speak MCP, such as assistants: tools that read and change nothing.

They are the questions of /v1 about indexed videos, with the same answers. Pictures of hits come as
one contact sheet; files of videos never leave.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Literal, TypeVar

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import ToolAnnotations
from PIL import Image as Picture
from PIL import ImageOps
from pydantic import BaseModel, ValidationError

import actionclip
from actionclip.server import archive_routes, problems
from actionclip.server.archive_questions import ArchiveFacts, SearchAnswer, SearchQuestion
from actionclip.server.jobs import Job
from actionclip.server.problems import ProblemError
from actionclip.server.questions import (
    Recognition,
    RecognizeQuestion,
    Timeline,
    TimelineQuestion,
    VideoList,
)
from actionclip.server.service import Service

Question = TypeVar("Question", bound=BaseModel)
_MAX_ROWS = 8
"""Hits on a contact sheet."""
_TILE = (192, 108)
"""Width and height, in pixels."""
_INSTRUCTIONS = """\
Finds and recognizes actions in the videos of an archive. search_moments finds moments by words;
recognize says which of your labels a video shows, timeline when each occurs. Videos are named by
the ids that list_videos and search_moments return.
"""
_READ_ONLY = ToolAnnotations(read_only_hint=True, open_world_hint=False)


def serve(service: Service) -> None:
    """Answer on standard input and output until the input ends.

    Raises:
        ProblemError: the service has no archive.
    """
    service.indexed_or_refuse()
    build(service).run("stdio")


def build(service: Service) -> MCPServer:
    """Return the tools of a service with an archive."""
    server = MCPServer(
        "actionclip",
        instructions=_INSTRUCTIONS,
        version=actionclip.__version__,
        log_level="WARNING",
    )

    @server.tool(annotations=_READ_ONLY)
    def list_videos(offset: int = 0, limit: int = 100) -> VideoList:
        """List the indexed videos: their ids, names and lengths in seconds."""
        service.indexed_or_refuse().update()
        videos = [video for video in service.videos.all() if not video.is_upload]
        page = videos[max(0, offset) :][: max(1, min(limit, 100))]
        return VideoList(videos=[service.listed(video) for video in page], total=len(videos))

    @server.tool(annotations=_READ_ONLY, structured_output=False)
    def search_moments(
        text: str | None = None,
        like: list[str] | None = None,
        without: list[str] | None = None,
        threshold: float | Literal["auto"] | None = None,
        offset: int = 0,
        limit: int = 8,
        pictures: bool = True,
    ) -> list[Any]:
        """Find moments that show an action in words, or one like examples; best first.

        `like` takes ids of videos, and the `example` of a hit. `without` names actions that a
        moment must not show more. With pictures, an image follows: a row for each of the first
        hits, with its begin, middle and end.
        """
        values = {"text": text, "like": like or [], "without": without or []}
        values |= {"threshold": threshold, "offset": offset, "limit": limit}
        question = _read(SearchQuestion, values)
        answer: SearchAnswer = _result(
            lambda: archive_routes.submit_search(service, question, None)
        )
        found: list[Any] = [answer.model_dump_json(exclude_none=True)]
        if pictures and answer.hits:
            found.append(Image(data=_contact_sheet(service, answer), format="jpeg"))
        return found

    @server.tool(annotations=_READ_ONLY)
    def recognize(
        video: str,
        labels: list[str],
        threshold: float | Literal["auto"] | None = None,
        top: int | None = None,
    ) -> Recognition:
        """Rank labels, actions in your own words, by how well they describe an indexed video.

        With a threshold, labels that fit less than that beside "none of these" are left out.
        """
        values = {"video": video, "labels": labels, "threshold": threshold, "top": top}
        question = _read(RecognizeQuestion, values)
        return _result(lambda: service.recognize(question, None))

    @server.tool(annotations=_READ_ONLY)
    def timeline(
        video: str, labels: list[str], threshold: float | Literal["auto"] = "auto"
    ) -> Timeline:
        """Find when in an indexed video each label, an action in your own words, occurs."""
        values = {"video": video, "labels": labels, "threshold": threshold}
        question = _read(TimelineQuestion, values)
        return _result(lambda: service.timeline(question, None))

    @server.tool(annotations=_READ_ONLY)
    def index_status() -> ArchiveFacts:
        """Tell how much is indexed, what could not be read, and whether more is being added."""
        return service.indexed_or_refuse().facts()

    return server


def _read(kind: type[Question], values: dict[str, Any]) -> Question:
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise ToolError(problems.of_validation(error.errors()).detail) from error


def _result(submit: Callable[[], Job]) -> Any:  # noqa: ANN401  (the result of the job)
    """Wait for a job; what is wrong is a sentence, as of /v1."""
    try:
        job = submit()
        job.over.result()
        if job.problem is not None:
            raise job.problem
    except ProblemError as problem:
        raise ToolError(problem.detail) from problem
    except ValueError as error:
        raise ToolError(str(error)) from error
    if job.state != "done":
        raise ToolError("the service is stopping; ask again later")
    return job.result


def _contact_sheet(service: Service, answer: SearchAnswer) -> bytes:
    """Return a JPEG: a row for each hit; one whose file cannot be read is grey."""
    hits = answer.hits[:_MAX_ROWS]
    sheet = Picture.new("RGB", (3 * _TILE[0], len(hits) * _TILE[1]), "grey")
    for row, hit in enumerate(hits):
        length = hit.end_seconds - hit.start_seconds
        seconds = [hit.start_seconds + share * length for share in (0.1, 0.5, 0.9)]
        try:
            with service.reading(service.videos.get(hit.video)) as path:
                frames = service.decoder.read_frames_at(path, seconds, _TILE[1])
        except ProblemError:
            continue
        for column, frame in enumerate(frames):
            tile = ImageOps.pad(Picture.fromarray(frame), _TILE)
            sheet.paste(tile, (column * _TILE[0], row * _TILE[1]))
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
