"""The application: routes, the page, health, metrics, sessions, and the guard around them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.telemetry import TelemetryConfig
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

import actionclip
from actionclip.server import archive_routes, forms, guard, metrics, problems, routes
from actionclip.server.problems import ProblemError
from actionclip.server.questions import Health, LabelSet, LabelSets, ModelFacts, SessionQuestion
from actionclip.server.service import Service
from actionclip.text import actions, label_sets

_STATIC = Path(__file__).with_name("static")
_NO_TELEMETRY: TelemetryConfig = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
_DESCRIPTION = """\
Open-vocabulary action recognition in video: `recognize` says which of your labels a video shows,
`timeline` when each of them occurs, `search` which moments of an archive show something. Videos are
files of a form, or ids of stored or indexed videos. Errors are `application/problem+json`; their
`detail` says what is wrong and what to do.
"""


def build(service: Service) -> ASGIApp:
    """Return the ASGI application of a service; its shutdown closes the service."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await run_in_threadpool(service.close)

    app = FastAPI(
        title="ActionCLIP",
        version=actionclip.__version__,
        description=_DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # these pages would load scripts of other hosts
        redoc_url=None,
        telemetry=_NO_TELEMETRY,
    )
    app.state.service = service
    problems.install(app)
    app.include_router(routes.router)
    app.include_router(archive_routes.router)
    _add_facts(app, service)
    _add_health(app, service)
    _add_session(app, service)
    app.mount("/static", StaticFiles(directory=_STATIC))

    @app.get("/", include_in_schema=False)
    @app.head("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(_STATIC / "index.html")

    return guard.Guard(app, service.settings, service.metrics.observe)


def _add_facts(app: FastAPI, service: Service) -> None:
    def names() -> list[str]:
        return [*service.settings.label_sets, *label_sets.NAMES]

    @app.get("/v1/model", responses=problems.RESPONSES)
    def model() -> ModelFacts:
        """Return which model answers, and what it is good for."""
        return service.model_facts()

    @app.get("/v1/labels", responses=problems.RESPONSES)
    def list_label_sets() -> LabelSets:
        """List the label sets: those of known benchmarks, and of files of this service."""
        return LabelSets(label_sets=names())

    @app.get("/v1/labels/{name}", responses=problems.RESPONSES)
    def label_set(name: str) -> LabelSet:
        """Return the labels of a set."""
        if name not in names():
            known = ", ".join(names())
            raise ProblemError(404, f"no label set is called {name[:64]!r}; there are {known}")
        return LabelSet(name=name, labels=actions.names(service.label_set(name)))


def _add_health(app: FastAPI, service: Service) -> None:
    def health(response: Response) -> Health:
        is_ready = not service.is_stopping.is_set()
        response.status_code = 200 if is_ready else 503
        return Health(live=True, ready=is_ready)

    @app.get("/healthz")
    def healthz(response: Response) -> Health:
        """Return 200 if the service takes requests, 503 while it stops."""
        return health(response)

    @app.get("/healthz/ready")
    def ready(response: Response) -> Health:
        """Do the same as /healthz."""
        return health(response)

    @app.get("/healthz/live")
    def live() -> Health:
        """Return 200 as long as the process answers."""
        return Health(live=True, ready=not service.is_stopping.is_set())

    @app.get("/metrics", response_class=Response)
    def metrics_text() -> Response:
        """Return counters for Prometheus."""
        return Response(service.metrics.text(), media_type=metrics.MEDIA_TYPE)


def _add_session(app: FastAPI, service: Service) -> None:
    @app.post(
        "/v1/session",
        status_code=204,
        responses=problems.RESPONSES,
        openapi_extra=routes.body(SessionQuestion, takes_file=False),
    )
    async def session(request: Request) -> Response:
        """Exchange the token for a cookie, which the page uses for pictures and videos."""
        question, _ = await forms.read(
            request, SessionQuestion, service.settings.limits, service.videos.start_upload
        )
        token = service.settings.token
        if token is None:
            return Response(status_code=204)
        if not guard.is_same(question.token, token):
            raise ProblemError(401, "the token is wrong; ask whoever runs this service for it")
        response = Response(status_code=204)
        response.set_cookie(
            guard.COOKIE,
            guard.new_session(token),
            max_age=guard.SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response
