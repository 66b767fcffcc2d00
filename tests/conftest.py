"""What many tests need: real clips where they are at hand, and a small video made on the spot."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

torch.set_num_threads(1)  # small tensors and several test processes: more threads only wait


@pytest.fixture(scope="session", autouse=True)
def cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that a person keeps is read or written."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real clips and golden tensors, kept beside the project and not part of it."""
    folder = Path(__file__).parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip(f"needs the real clips and golden tensors in {folder.name}/ beside the project")
    return folder


@pytest.fixture(scope="session")
def square_frames() -> np.ndarray:
    """Twenty frames, uint8 (T, H, W, 3): a white square moves to the right over black."""
    frames = np.zeros((20, 96, 128, 3), np.uint8)
    for index, frame in enumerate(frames):
        frame[40:56, 4 * index : 4 * index + 16] = 255
    return frames


@pytest.fixture(scope="session")
def moving_square(square_frames: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Those frames as two seconds of H.264."""
    path = tmp_path_factory.mktemp("video") / "moving_square.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.height, stream.width = square_frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in square_frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path
