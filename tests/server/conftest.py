"""A real server on a free port of this machine, with the tiny model, and clients of it."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytest.importorskip("fastapi", reason="needs the service: pip install 'actionclip[serve]'")

from actionclip import Recognizer
from actionclip.server.run import Server
from actionclip.server.service import Service
from actionclip.server.settings import Limits, Settings

LABELS = ["moving left", "moving right"]


class Running:
    """A server in a thread, and a client."""

    def __init__(self, settings: Settings, recognizer: Recognizer, folder: Path) -> None:
        self.folder = folder
        self.service = Service(settings, recognizer, folder)
        self.server = Server(self.service)
        self.address = self.server.address
        self.port = int(self.address.rstrip("/").rsplit(":", 1)[1])
        self._thread = threading.Thread(target=self.server.run)
        self._thread.start()
        self.client = httpx2.Client(base_url=self.address, timeout=60)

    def upload(self, path: Path, **options: Any) -> httpx2.Response:
        with path.open("rb") as file:
            return self.client.post("/v1/videos", files={"video": (path.name, file)}, **options)

    def uploads(self) -> list[Path]:
        """The files of clients that are on the disk."""
        return [path for path in self.folder.rglob("*") if path.is_file() and path.name != ".lock"]

    def close(self) -> None:
        self.client.close()
        self.server.stop()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.fixture(scope="session")
def start(tiny_clip: Path, tmp_path_factory) -> Iterator[Callable[..., Running]]:
    """Start a server; its arguments are those of `Settings`, and of `Limits`."""
    running = []

    def start(recognizer: Recognizer | None = None, limits: Any = None, **settings: Any) -> Running:
        chosen = Settings(str(tiny_clip), port=0, limits=Limits(**(limits or {})), **settings)
        recognizer = recognizer or Recognizer.load(tiny_clip, device="cpu")
        running.append(Running(chosen, recognizer, tmp_path_factory.mktemp("uploads")))
        return running[-1]

    yield start
    for server in running:
        server.close()


@pytest.fixture(scope="session")
def server(start) -> Running:
    """One that many tests use."""
    return start()


@pytest.fixture
def stored(server, moving_square) -> Iterator[str]:
    """The id of a stored video."""
    video_id = server.upload(moving_square).json()["id"]
    yield video_id
    server.client.delete(f"/v1/videos/{video_id}")
