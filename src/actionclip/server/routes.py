"""The addresses of /v1 for videos, questions and jobs.

A question waits for its result; where that takes long, or with the header `Prefer: respond-async`,
the response is 202 and the job, to be polled, followed or cancelled.
"""

from __future__ import annotations

import asyncio
import io
import mimetypes
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from PIL import Image
from pydantic import BaseModel
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from actionclip.server import forms, problems
from actionclip.server.jobs import Job
from actionclip.server.problems import ProblemError
from actionclip.server.questions import (
    JobStatus,
    Progress,
    Recognition,
    RecognizeQuestion,
    Timeline,
    TimelineQuestion,
    UploadQuestion,
    VideoFacts,
    VideoList,
)
from actionclip.server.service import Service

router = APIRouter(prefix="/v1", responses=problems.RESPONSES)

_POLL_SECONDS = 0.2
"""Between two looks at the progress of a job."""
_PING_SECONDS = 15.0
"""A quiet stream of events sends a comment, so that proxies keep it."""
_PAGE = 100
_POSTER_HEIGHT = 360
_RANGE = re.compile(r"bytes=(?:\d{1,18}-\d{0,18}|-\d{1,18})")


def get_service(request: Request) -> Service:
    """Return the service of the application."""
    return request.app.state.service


Served = Annotated[Service, Depends(get_service)]


def body(kind: type[BaseModel], *, takes_file: bool = True) -> dict[str, Any]:
    """Return what /openapi.json says about the body of a route that `forms` reads."""
    schema = kind.model_json_schema()
    example = schema.get("example", {})
    form = {**schema, "properties": dict(schema.get("properties", {}))}
    form["properties"]["video"] = {"type": "string", "format": "binary"}
    content: dict[str, Any] = {"application/json": {"schema": schema, "example": example}}
    if takes_file:
        content["multipart/form-data"] = {"schema": form}
    return {"requestBody": {"required": True, "content": content}}


ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {"model": JobStatus, "description": "It takes longer; the job will have the result."}
}


@router.post(
    "/recognize",
    response_model=Recognition,
    responses=ACCEPTED,
    openapi_extra=body(RecognizeQuestion),
)
async def recognize(request: Request, service: Served) -> Response:
    """Rank labels by how well they describe a video."""
    limits = service.settings.limits
    question, upload = await forms.read(
        request, RecognizeQuestion, limits, service.videos.start_upload
    )
    with forms.removing(upload):
        job = service.recognize(question, upload)
    return await answer(request, service, job)


@router.post(
    "/timeline", response_model=Timeline, responses=ACCEPTED, openapi_extra=body(TimelineQuestion)
)
async def timeline(request: Request, service: Served) -> Response:
    """Find when in a video each label occurs."""
    limits = service.settings.limits
    question, upload = await forms.read(
        request, TimelineQuestion, limits, service.videos.start_upload
    )
    with forms.removing(upload):
        job = service.timeline(question, upload)
    return await answer(request, service, job)


@router.post(
    "/videos", status_code=201, response_model=VideoFacts, openapi_extra=body(UploadQuestion)
)
async def upload_video(request: Request, service: Served) -> Response:
    """Store a video for several questions; it is removed an hour after the last one."""
    limits = service.settings.limits
    _, upload = await forms.read(request, UploadQuestion, limits, service.videos.start_upload)
    if upload is None:
        raise ProblemError(422, "there is no file; send a form (multipart/form-data) with a video")
    with forms.removing(upload):
        job = service.store(upload)
    return await answer(request, service, job, status=201)


@router.get("/videos")
def list_videos(
    service: Served,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=_PAGE)] = _PAGE,
) -> VideoList:
    """List videos: uploads, the newest first, then the archive's, of which less is told here."""
    if service.indexed is not None:
        service.indexed.update()
    videos = service.videos.all()
    page = [service.listed(video) for video in videos[offset : offset + limit]]
    return VideoList(videos=page, total=len(videos))


@router.get("/videos/{video_id}")
def video_facts(video_id: str, service: Served) -> VideoFacts:
    """Return what is known about a video."""
    video = service.videos.get(video_id)
    with service.reading(video):
        return service.facts(video)


@router.delete("/videos/{video_id}", status_code=204)
def remove_video(video_id: str, service: Served) -> None:
    """Remove an uploaded video, once no job reads it any more."""
    service.videos.remove(service.videos.get(video_id))


@router.get("/videos/{video_id}/poster", response_class=Response)
def poster(
    video_id: str, service: Served, seconds: Annotated[float | None, Query(ge=0, le=1e6)] = None
) -> Response:
    """Return the picture on screen at a time, by default a third into the video, as JPEG."""
    video = service.videos.get(video_id)
    with service.reading(video) as path:
        if seconds is None:
            seconds = (service.facts(video).duration_seconds or 0) / 3
        [frame] = service.decoder.read_frames_at(path, [seconds], _POSTER_HEIGHT)
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=80)
    headers = {"Cache-Control": "private, max-age=3600"}
    return Response(buffer.getvalue(), media_type="image/jpeg", headers=headers)


@router.get("/videos/{video_id}/stream", response_class=FileResponse)
@router.head("/videos/{video_id}/stream", include_in_schema=False)
def stream(video_id: str, request: Request, service: Served) -> Response:
    """Return the file of a video, or with `Range` a part of it."""
    video = service.videos.get(video_id)
    wanted = request.headers.get("range")
    with service.reading(video) as path:
        size = path.stat().st_size
    if wanted is not None and not _RANGE.fullmatch(wanted.replace(" ", "")):
        raise ProblemError(
            416,
            f"range {wanted[:64]!r} is not served; ask for one range, as `bytes=0-1023`",
            {"Content-Range": f"bytes */{size}"},
        )
    guessed = mimetypes.guess_type(video.name)[0] or ""
    media_type = guessed if guessed.startswith("video/") else "application/octet-stream"
    return FileResponse(
        video.path,
        media_type=media_type,
        filename=video.name,
        content_disposition_type="inline",
        headers={
            "Cache-Control": "private, max-age=3600",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


@router.get("/jobs/{job_id}")
def job_status(job_id: str, service: Served) -> JobStatus:
    """Return how far a job is, and its result once it is done."""
    return status_of(service.jobs.get(job_id))


@router.delete("/jobs/{job_id}", status_code=204)
def cancel_job(job_id: str, service: Served) -> None:
    """Cancel a job, and forget its result."""
    service.jobs.remove(service.jobs.get(job_id))


@router.get("/jobs/{job_id}/events", response_class=StreamingResponse)
async def job_events(job_id: str, service: Served) -> StreamingResponse:
    """Follow a job: an event `progress` at each change, and `end` with all of it (SSE)."""
    job = service.jobs.get(job_id)
    return StreamingResponse(_events(job, service), media_type="text/event-stream")


async def _events(job: Job, service: Service) -> AsyncIterator[str]:
    last, quiet_seconds = "", 0.0
    while not job.over.done() and not service.is_stopping.is_set():
        document = status_of(job).model_dump_json(exclude={"seconds"})
        if document != last:
            yield f"event: progress\ndata: {document}\n\n"
            last, quiet_seconds = document, 0.0
        elif quiet_seconds > _PING_SECONDS:
            yield ": still running\n\n"
            quiet_seconds = 0.0
        await asyncio.sleep(_POLL_SECONDS)
        quiet_seconds += _POLL_SECONDS
    yield f"event: end\ndata: {status_of(job).model_dump_json()}\n\n"


def status_of(job: Job) -> JobStatus:
    """Describe a job."""
    return JobStatus(
        id=job.id,
        kind=job.kind,
        state=job.state,
        progress=Progress(done=job.done, total=job.total),
        seconds=round(job.seconds(), 3),
        result=job.result,
        problem=job.problem.document() if job.problem else None,
    )


async def answer(request: Request, service: Service, job: Job, status: int = 200) -> Response:
    """Wait for a job and return its result, or the job itself where it takes longer.

    A job whose client leaves meanwhile is cancelled: nobody else knows of it.
    """
    preferred = request.headers.get("prefer", "").replace(" ", "").lower()
    if "respond-async" not in preferred.split(","):
        seconds = _preferred_wait(preferred, service.settings.limits.wait_seconds)
        over = asyncio.wrap_future(job.over)
        left = asyncio.ensure_future(_disconnected(request))
        try:
            await asyncio.wait({over, left}, timeout=seconds, return_when="FIRST_COMPLETED")
            if left.done() and not over.done():
                service.jobs.remove(job)
        except asyncio.CancelledError:
            service.jobs.remove(job)
            raise
        finally:
            left.cancel()
        if over.done():
            if job.problem is not None:
                raise job.problem
            if job.state == "cancelled":
                raise ProblemError(503, "the request was cancelled; send it again")
            return Response(
                job.result.model_dump_json(exclude_none=status == 200),
                status,
                media_type="application/json",
            )
    return JSONResponse(
        status_of(job).model_dump(), 202, headers={"Location": f"/v1/jobs/{job.id}"}
    )


def _preferred_wait(preferred: str, most: float) -> float:
    """Return the seconds of `Prefer: wait=5`, or the most that is waited."""
    match = re.search(r"(?:^|,)wait=(\d{1,6})(?:,|$)", preferred)
    return min(float(match[1]), most) if match else most


async def _disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
