"""A real server on a free port of this machine, with the tiny model, and clients of it."""

import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import av
import httpx2
import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the service: pip install 'actionclip[serve]'")

from actionclip import Recognizer
from actionclip.server.run import Server
from actionclip.server.service import Service
from actionclip.server.settings import Limits, Settings

LABELS = ["moving left", "moving right"]


class Running:
    """A server in a thread, and a client."""

    def __init__(
        self, settings: Settings, recognizer: Recognizer, folder: Path, archive: Any
    ) -> None:
        self.folder = folder
        self.service = Service(settings, recognizer, folder, archive)
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

    def start(
        recognizer: Recognizer | None = None,
        limits: Any = None,
        archive: Any = None,
        **settings: Any,
    ) -> Running:
        chosen = Settings(str(tiny_clip), port=0, limits=Limits(**(limits or {})), **settings)
        recognizer = recognizer or Recognizer.load(tiny_clip, device="cpu")
        running.append(Running(chosen, recognizer, tmp_path_factory.mktemp("uploads"), archive))
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


def write(path: Path, frames: np.ndarray) -> None:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def folder(square_frames: np.ndarray, tmp_path_factory) -> Path:
    """Two videos and a file that is none."""
    folder = tmp_path_factory.mktemp("private")
    (folder / "hall").mkdir()
    write(folder / "hall" / "one.mp4", np.tile(square_frames, (3, 1, 1, 1)))
    write(folder / "two.mp4", 255 - np.tile(square_frames[::-1], (4, 1, 1, 1)))
    (folder / "broken.mp4").write_bytes(b"no video")
    return folder


@pytest.fixture(scope="session")
def archive(folder, tiny_clip, tmp_path_factory) -> Any:
    """An archive of them."""
    pytest.importorskip("lancedb", reason="needs archives: pip install 'actionclip[archive]'")
    from actionclip.archive import windows
    from actionclip.archive.archive import Archive

    recognizer = Recognizer.load(tiny_clip, device="cpu")
    model = recognizer.model
    model.calibration = dataclasses.replace(model.calibration, margin=-3.0)  # so there are hits
    archive = Archive.open(tmp_path_factory.mktemp("archives") / "archive", recognizer)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(windows, "STILL_DISTANCE", -1.0)  # this model sees hardly any change
        archive.index([folder])
    return archive
