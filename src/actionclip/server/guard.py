"""What every request passes first: host, origin, token, size and time; and headers of responses.

A browser sends requests for any page that it shows, so a page of somebody else must get nothing:
its requests have another `Origin`, and a name that was pointed to this machine (DNS rebinding) is
another `Host`. Slow clients are cut, in both directions.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import time
from collections.abc import Callable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actionclip.server.problems import ProblemError
from actionclip.server.settings import Limits, Settings

COOKIE = "actionclip_session"
SESSION_SECONDS = 12 * 3600
_OPEN_PATHS = ("/", "/healthz", "/healthz/live", "/healthz/ready", "/v1/session")
_OPEN_FOLDER = "/static/"
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
        "media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Observe = Callable[[Scope, int, float], None]
"""Called with each request, its status and its seconds."""


class Guard:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, settings: Settings, observe: Observe) -> None:
        self._app = app
        self._settings = settings
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with a problem."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        start = time.monotonic()
        outgoing = _Outgoing(scope, send, self._settings.limits)
        try:
            self._check(scope)
            if scope["type"] == "http":
                receive = _Incoming(scope, receive, self._settings.limits).receive
            await self._app(scope, receive, outgoing.send)
        except ProblemError as problem:
            await _refuse(scope, receive, outgoing, problem)
        finally:
            if scope["type"] == "http":
                self._observe(scope, outgoing.status, time.monotonic() - start)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        host = hosts[0] if len(hosts) == 1 else ""
        if not self._settings.accepts_host(_name_of(host)):
            raise ProblemError(
                421,
                f"host {host[:100]!r} is not served here; add it by --allow-host, if it is ours",
            )
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            raise ProblemError(
                403, "the request comes from another site, which may not use this service"
            )
        is_page = scope["path"] == "/" and scope.get("method") in _SAFE_METHODS
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not is_page:
            raise ProblemError(
                403, "the request comes from another site, which may not use this service"
            )
        if self._settings.token is None or _is_open(scope):
            return
        if not self._is_known(headers):
            raise ProblemError(
                401,
                "a token is missing or wrong; send it as `Authorization: Bearer TOKEN`",
                {"WWW-Authenticate": "Bearer"},
            )

    def _is_known(self, headers: Headers) -> bool:
        token = self._settings.token
        assert token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return is_same(given.strip(), token)
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
        except CookieError:
            return False
        return cookie is not None and is_session(cookie.value, token)


def is_same(given: str, token: str) -> bool:
    """Compare two texts in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(errors="replace"), token.encode())


def new_session(token: str) -> str:
    """Return the value of a cookie that stands for the token for some hours."""
    end = str(int(time.time()) + SESSION_SECONDS)
    return f"{end}.{_sign(end, token)}"


def is_session(value: str, token: str) -> bool:
    """Return whether a cookie was made from this token and is not too old."""
    end, _, signature = value.partition(".")
    return is_same(signature, _sign(end, token)) and end.isdecimal() and int(end) > time.time()


def _sign(end: str, token: str) -> str:
    message = f"actionclip session until {end}".encode(errors="replace")
    return hmac.new(token.encode(), message, hashlib.sha256).hexdigest()


def _name_of(host: str) -> str:
    """Return a host without its port."""
    name, colon, port = host.rpartition(":")
    return (
        name if colon and port.isdecimal() and (not host.startswith("[") or "]" in name) else host
    )


def _is_open(scope: Scope) -> bool:
    path = scope["path"]
    return scope["type"] == "http" and (path in _OPEN_PATHS or path.startswith(_OPEN_FOLDER))


class _Incoming:
    """The body of a request: not larger than allowed, and not slower."""

    def __init__(self, scope: Scope, receive: Receive, limits: Limits) -> None:
        headers = Headers(scope=scope)
        self._receive = receive
        self._limits = limits
        is_form = headers.get("content-type", "").lower().startswith("multipart/form-data")
        self._max_bytes = limits.upload_bytes if is_form else limits.body_bytes
        self._num_bytes = 0
        self._start = time.monotonic()
        self._is_complete = False
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise self._too_large()

    async def receive(self) -> Message:
        if self._is_complete:
            return await self._receive()
        seconds = self._limits.grace_seconds + self._num_bytes / self._limits.min_bytes_per_second
        try:
            async with asyncio.timeout(self._start + seconds - time.monotonic()):
                message = await self._receive()
        except TimeoutError:
            raise ProblemError(
                408, "the request comes too slowly; send it again over a faster connection"
            ) from None
        self._num_bytes += len(message.get("body", b""))
        self._is_complete = not message.get("more_body", False)
        if self._num_bytes > self._max_bytes:
            raise self._too_large()
        return message

    def _too_large(self) -> ProblemError:
        megabytes = self._max_bytes / 10**6
        return ProblemError(
            413, f"the request is larger than {megabytes:,.0f} MB, the limit; send less"
        )


class _Outgoing:
    """The response: with our headers, and not to a client that takes nothing of it."""

    def __init__(self, scope: Scope, send: Send, limits: Limits) -> None:
        self._send = send
        self._limits = limits
        self._is_api = not (scope["path"] == "/" or scope["path"].startswith(_OPEN_FOLDER))
        self.status = 0
        """Sent so far; 0 for none."""

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("Cache-Control", "no-store" if self._is_api else "no-cache")
        async with asyncio.timeout(self._limits.send_seconds):
            await self._send(message)


async def _refuse(
    scope: Scope, receive: Receive, outgoing: _Outgoing, problem: ProblemError
) -> None:
    if scope["type"] == "websocket":
        await outgoing.send({"type": "websocket.close", "code": 1008, "reason": problem.detail})
    elif not outgoing.status:
        if problem.status in (408, 413):  # the rest of the body is not read
            problem.headers["Connection"] = "close"
        await problem.response()(scope, receive, outgoing.send)
