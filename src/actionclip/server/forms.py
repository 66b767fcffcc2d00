"""The body of a request becomes a question and, if it is a form with a file, an uploaded video.

A file is streamed to the disk as it arrives. Parts, their headers and their values are bounded.
"""

from __future__ import annotations

import contextlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_origin

import python_multipart
from pydantic import BaseModel, ValidationError
from python_multipart.exceptions import FormParserError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request

from actionclip.server import problems
from actionclip.server.problems import ProblemError
from actionclip.server.settings import Limits
from actionclip.server.videos import Upload

Question = TypeVar("Question", bound=BaseModel)
_MAX_HEADER_BYTES = 4096
"""Of all headers of a part."""
_BLOCK_BYTES = 2**20
"""Written to the disk at once."""


async def read(
    request: Request, kind: type[Question], limits: Limits, start_upload: Callable[[str], Upload]
) -> tuple[Question, Upload | None]:
    """Read a JSON document, or a form.

    Args:
        request: nothing of its body is read yet.
        kind: the model to validate; a field that is a list takes repeated fields of a form.
        limits: of a form.
        start_upload: opens the file for a video, given the name that the client has for it.

    Raises:
        ProblemError: the body is too large or too slow, no form and no JSON, or not of this kind.
            What was uploaded is removed.
    """
    content_type, options = python_multipart.multipart.parse_options_header(
        request.headers.get("content-type", "application/json")
    )
    upload = None
    if content_type == b"multipart/form-data":
        document, upload = await _read_form(request, kind, options, limits, start_upload)
    elif content_type == b"application/json":
        document = await _read_json(request)
    else:
        raise ProblemError(
            415,
            f"content type {content_type.decode(errors='replace')[:100]!r} is not read; "
            "send application/json or multipart/form-data",
        )
    try:
        return kind.model_validate(document), upload
    except ValidationError as error:
        if upload is not None:
            upload.remove()
        raise problems.of_validation(error.errors()) from error


async def _read_json(request: Request) -> object:
    try:
        return json.loads(await request.body() or b"{}")
    except (ValueError, RecursionError) as error:
        raise ProblemError(400, "the body is not JSON; send one JSON document in UTF-8") from error


async def _read_form(
    request: Request,
    kind: type[BaseModel],
    options: dict[bytes, bytes],
    limits: Limits,
    start_upload: Callable[[str], Upload],
) -> tuple[dict[str, Any], Upload | None]:
    parts = _Parts(limits, start_upload)
    try:
        parser = python_multipart.MultipartParser(
            options.get(b"boundary", b""),
            {
                "on_part_begin": parts.begin,
                "on_header_field": parts.take_header_name,
                "on_header_value": parts.take_header_value,
                "on_header_end": parts.end_header,
                "on_headers_finished": parts.end_headers,
                "on_part_data": parts.take_data,
                "on_part_end": parts.end,
            },
        )
        async for chunk in request.stream():
            parser.write(chunk)
            if len(parts.block) >= _BLOCK_BYTES:
                await run_in_threadpool(parts.write)
        parser.finalize()
        await run_in_threadpool(parts.write)
        if parts.is_open:
            raise ProblemError(400, "the form ends in the middle of a part; send it again")
    except BaseException as error:
        if parts.upload is not None:
            parts.upload.remove()
        if isinstance(error, FormParserError):
            raise ProblemError(400, "the form cannot be read; send multipart/form-data") from error
        if isinstance(error, ClientDisconnect):
            raise ProblemError(400, "the client left") from error
        raise
    if parts.upload is not None:
        parts.upload.close()
    lists = {name for name, field in kind.model_fields.items() if _is_list(field.annotation)}
    document = {
        name: _list_of(values) if name in lists else values[-1]
        for name, values in parts.values.items()
    }
    return document, parts.upload


def _list_of(values: list[str]) -> object:
    """Return the values of a field; a single one may be a list in JSON."""
    if len(values) == 1 and values[0].lstrip().startswith("["):
        with contextlib.suppress(ValueError, RecursionError):
            return json.loads(values[0])
    return values


def _is_list(annotation: object) -> bool:
    arms = getattr(annotation, "__args__", ())
    return get_origin(annotation) is list or any(get_origin(arm) is list for arm in arms)


@dataclass
class _Parts:
    """The parts of a form, so far; the parser calls it."""

    limits: Limits
    start_upload: Callable[[str], Upload]
    values: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    upload: Upload | None = None
    block: bytearray = field(default_factory=bytearray)
    """Of the video, not yet on the disk."""
    is_open: bool = False
    _num_parts: int = 0
    _headers: dict[bytes, bytes] = field(default_factory=dict)
    _header_name: bytearray = field(default_factory=bytearray)
    _header_value: bytearray = field(default_factory=bytearray)
    _num_header_bytes: int = 0
    _name: str = ""
    _value: bytearray | None = None
    """None in a part that is a file."""

    def begin(self) -> None:
        self.is_open = True
        self._num_parts += 1
        self._headers, self._num_header_bytes = {}, 0
        if self._num_parts > self.limits.fields:
            raise ProblemError(413, f"a form has {self.limits.fields} parts at most; send fewer")

    def take_header_name(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_name += data[start:end]

    def take_header_value(self, data: bytes, start: int, end: int) -> None:
        self._count_header(end - start)
        self._header_value += data[start:end]

    def end_header(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def end_headers(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        _, options = python_multipart.multipart.parse_options_header(disposition)
        if b"name" not in options:
            raise ProblemError(400, "a part of the form has no name; send multipart/form-data")
        self._name = options[b"name"].decode(errors="replace")
        self._value = bytearray()
        if b"filename" in options:
            if self.upload is not None:
                raise ProblemError(400, "the form holds several files; send one video at a time")
            self._value = None
            self.upload = self.start_upload(options[b"filename"].decode(errors="replace"))

    def take_data(self, data: bytes, start: int, end: int) -> None:
        if self._value is None:
            self.block += data[start:end]
            return
        self._value += data[start:end]
        if len(self._value) > self.limits.field_bytes:
            raise ProblemError(413, f"{self._name[:64]}: the value is too long; send a shorter one")

    def end(self) -> None:
        self.is_open = False
        if self._value is not None:
            self.values[self._name].append(self._value.decode(errors="replace"))

    def write(self) -> None:
        """Write what has come of the video to the disk."""
        if self.upload is not None and self.block:
            self.upload.write(self.block)
            self.block.clear()

    def _count_header(self, num_bytes: int) -> None:
        self._num_header_bytes += num_bytes
        if self._num_header_bytes > _MAX_HEADER_BYTES:
            raise ProblemError(431, "the headers of a part are too long; send multipart/form-data")


@contextmanager
def removing(upload: Upload | None) -> Iterator[None]:
    """Remove an upload if the block raises."""
    try:
        yield
    except BaseException:
        if upload is not None:
            upload.remove()
        raise
