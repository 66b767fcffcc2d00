"""One process serves until SIGTERM or Ctrl-C; running jobs then finish, within a time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from actionclip.server import app
from actionclip.server.service import Service

_MAX_HEADER_BYTES = 32 * 2**10
_KEEP_ALIVE_SECONDS = 15


def serve(service: Service, on_start: Callable[[str], None]) -> None:
    """Serve until a signal; `on_start` is called with the address of the page.

    Raises:
        OSError: the port is taken, or the host is none of this machine.
    """
    server = Server(service)
    on_start(server.address)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()


class Server(uvicorn.Server):
    """Listens from the start; `run` answers, until a signal or `stop`."""

    def __init__(self, service: Service) -> None:
        settings, limits = service.settings, service.settings.limits
        config = uvicorn.Config(
            app.build(service),
            host=settings.host,
            port=settings.port,
            http=_protocol(limits.header_seconds),
            ws="none",
            h11_max_incomplete_event_size=_MAX_HEADER_BYTES,
            limit_concurrency=limits.connections,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(limits.stop_seconds) + 5,
            access_log=False,
            log_config=None,
            server_header=False,
            proxy_headers=False,
            lifespan="on",
        )
        super().__init__(config)
        self._service = service
        self._socket = _listen(settings.host, settings.port)
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        self.address = f"http://{host}:{self._socket.getsockname()[1]}/"
        """Of the page."""

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer until a signal or `stop`, then close the service."""
        with self._socket:
            super().run(sockets or [self._socket])

    def stop(self) -> None:
        """Let `run` return; streams of events end at once."""
        self._service.is_stopping.set()
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; called at SIGTERM and SIGINT."""
        self._service.is_stopping.set()
        super().handle_exit(sig, frame)
        self._captured_signals.clear()  # stopping so is no failure


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        why = (error.strerror or "cannot be used").lower()
        raise OSError(f"{host}:{port}: {why}; choose another --port or --host") from error
    return listener


def uploads_folder() -> Path:
    """Return the folder in which servers of this user put their uploads."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "actionclip" / "uploads"


def _protocol(header_seconds: float) -> type[H11Protocol]:
    """Return uvicorn's protocol, with a limit on how long the headers of a request may take."""

    class Protocol(H11Protocol):
        _deadline: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)  # pyright: ignore[reportArgumentType]
            self._limit()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._is_between_requests():
                self._limit()
            elif self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def connection_lost(self, exc: Exception | None) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
            super().connection_lost(exc)

        def _is_between_requests(self) -> bool:
            return self.cycle is None or self.cycle.response_complete

        def _limit(self) -> None:
            if self._deadline is None:
                self._deadline = self.loop.call_later(header_seconds, self._cut)

        def _cut(self) -> None:
            self._deadline = None
            if self._is_between_requests():
                self.transport.close()

    return Protocol
