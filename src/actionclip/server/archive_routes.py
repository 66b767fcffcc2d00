"""The addresses of /v1 for the archive: search, and what is in it."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import APIRouter, Request
from starlette.responses import Response

from actionclip.server import forms, problems
from actionclip.server.archive_questions import (
    ArchiveFacts,
    SearchAnswer,
    SearchQuestion,
    parse_like,
)
from actionclip.server.jobs import Job
from actionclip.server.routes import ACCEPTED, Served, answer, body
from actionclip.server.service import Service, named
from actionclip.server.videos import Upload

router = APIRouter(prefix="/v1", responses=problems.RESPONSES)


@router.post(
    "/search",
    response_model=SearchAnswer,
    responses=ACCEPTED,
    openapi_extra=body(SearchQuestion),
)
async def search(request: Request, service: Served) -> Response:
    """Find moments of indexed videos, by words, examples or both, best first."""
    limits = service.settings.limits
    question, upload = await forms.read(
        request, SearchQuestion, limits, service.videos.start_upload
    )
    with forms.removing(upload):
        job = submit_search(service, question, upload)
    return await answer(request, service, job)


@router.get("/archive")
def archive_facts(service: Served) -> ArchiveFacts:
    """Return what is indexed, and what could not be."""
    return service.indexed_or_refuse().facts()


def submit_search(service: Service, question: SearchQuestion, upload: Upload | None) -> Job:
    """Queue a search; an upload is one more example, used this once."""
    indexed, videos = service.indexed_or_refuse(), service.videos
    used, like, names = [], [], {}
    for example in question.like:
        video_id, part = parse_like(example)
        video = videos.get(video_id)
        taken: str | Path = video.path if part is None else indexed.moment(video, part)
        names[os.fspath(taken).partition("@")[0] if part else os.fspath(taken)] = video.name
        used.append(video)
        like.append(taken)
    if upload is not None:
        video = service.keep(upload)
        names[os.fspath(video.path)] = video.name
        used.append(video)
        like.append(video.path)
    for video in used:
        videos.acquire(video)
    if upload is not None:
        videos.remove(used[-1])  # once it is released

    def work(_: Job) -> SearchAnswer:
        return indexed.search(question, like)

    def end(_: Job) -> None:
        for video in used:
            videos.release(video)

    return service.jobs.submit("search", named(names, work), end)
