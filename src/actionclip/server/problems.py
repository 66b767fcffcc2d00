"""Errors as clients get them: problem+json (RFC 9457) with one sentence that says what to do."""

from __future__ import annotations

import http
import logging
import secrets
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from actionclip import display

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
_MAX_INPUT = 80
"""Characters of a wrong value that its complaint repeats."""


class ProblemError(Exception):
    """A request that cannot be answered; the message is for the client."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.headers = dict(headers or {})

    def document(self) -> dict[str, Any]:
        """Return the fields of RFC 9457."""
        title = http.HTTPStatus(self.status).phrase
        return {
            "type": "about:blank",
            "title": title,
            "status": self.status,
            "detail": display.one_line(self.detail),
        }

    def response(self) -> Response:
        """Return the response to send."""
        body = display.to_json(self.document())
        return Response(body, self.status, headers=self.headers, media_type=MEDIA_TYPE)


def of_mistake(error: Exception, names: Mapping[str, str] | None = None) -> ProblemError:
    """Return the problem for an error that a user can cause.

    Args:
        error: a ValueError or an OSError, of the library.
        names: by paths of this machine, what clients call them.
    """
    detail = str(error)
    for path, name in (names or {}).items():
        detail = detail.replace(path, name)
    return ProblemError(404 if isinstance(error, FileNotFoundError) else 422, detail)


def of_bug(error: BaseException) -> ProblemError:
    """Log an error that is ours, and return the problem, which names the entry of the log."""
    number = secrets.token_hex(4)
    logger.error("error %s", number, exc_info=error)
    return ProblemError(
        500, f"the server made a mistake; the server's log has more on error {number}"
    )


def install(app: FastAPI) -> None:
    """Let an application send every error as a problem."""

    async def problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, ProblemError)
        return error.response()

    async def http_error(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = {
            404: "there is nothing at this address; the addresses are in /openapi.json",
            405: "this address takes other methods; they are in /openapi.json",
        }.get(error.status_code, str(error.detail))
        return ProblemError(error.status_code, detail, error.headers).response()

    async def invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return of_validation(error.errors(), num_outer=1).response()

    async def mistake(_: Request, error: Exception) -> Response:
        return of_mistake(error).response()

    async def bug(_: Request, error: Exception) -> Response:
        return of_bug(error).response()

    app.add_exception_handler(ProblemError, problem)
    app.add_exception_handler(HTTPException, http_error)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(ValueError, mistake)
    app.add_exception_handler(Exception, bug)


def of_validation(errors: Any, num_outer: int = 0) -> ProblemError:  # noqa: ANN401
    """Return the problem for values that pydantic refuses, in parts of a request if outer."""
    sentences = []
    for error in errors:
        where = ".".join(str(part) for part in error["loc"][num_outer:])
        message = error["msg"].removeprefix("Value error, ")
        shown = repr(error["input"])
        if error["type"] in ("missing", "value_error", "extra_forbidden"):
            complaint = {"missing": "is missing; add it", "extra_forbidden": "is unknown"}.get(
                error["type"], message
            )
        else:
            shown = shown if len(shown) <= _MAX_INPUT else shown[:_MAX_INPUT] + "…"
            complaint = f"{message[0].lower()}{message[1:]}, not {shown}"
        sentences.append(f"{where}: {complaint}" if where else complaint)
    return ProblemError(422, "; ".join(sentences[:5]))


RESPONSES: dict[int | str, dict[str, Any]] = {
    "4XX": {
        "description": "The request is at fault; `detail` says how.",
        "content": {
            MEDIA_TYPE: {
                "schema": {
                    "type": "object",
                    "required": ["type", "title", "status", "detail"],
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                },
                "example": {
                    "type": "about:blank",
                    "title": "Unprocessable Entity",
                    "status": 422,
                    "detail": "labels: there is no label; give at least one action in words",
                },
            }
        },
    }
}
"""What every route declares in /openapi.json."""
