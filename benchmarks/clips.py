"""Videos to measure with, made on the spot: H.264, two layers of coloured noise that drift apart.

Movement everywhere makes them as hard to decode as films are; x264's own distance of keyframes,
250 frames, makes a clip of ten seconds one group of pictures. Another seed is another content.
"""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from PIL import Image

FRAME_RATE = 25
WIDTHS = {256: 340, 1080: 1920}
"""By height."""
_CELLS = (8, 16, 32, 64)
"""Sizes of the noise in pixels, one after another as the seed counts up."""


def write(path: Path, height: int, seconds: int, keyframe_every: int = 250, seed: int = 0) -> None:
    """Encode a video.

    Args:
        path: the file.
        height: one of `WIDTHS`.
        seconds: how long it is.
        keyframe_every: frames between keyframes, at most.
        seed: of the noise, its coarseness and its colour.
    """
    width, num_frames = WIDTHS[height], FRAME_RATE * seconds
    generator, cell = np.random.default_rng(seed), _CELLS[seed % len(_CELLS)]
    wide, high = width + 2 * num_frames + cell, height + num_frames + cell
    noise = generator.integers(0, 256, (high // cell, wide // cell, 3), np.uint8)
    tinted = (noise * generator.uniform(0.2, 1, 3)).astype(np.uint8)
    far = np.asarray(Image.fromarray(tinted).resize((wide, high), Image.Resampling.BICUBIC))
    near = np.ascontiguousarray(far[::-1, ::-1])
    with av.open(str(path), "w") as container:
        options = {"preset": "superfast", "g": str(keyframe_every), "bf": "3"}
        stream = container.add_stream("libx264", rate=FRAME_RATE, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for step in range(num_frames):
            picture = far[step // 2 :, 2 * step :][:height, :width].copy()
            box = np.s_[height // 4 : 3 * height // 4, width // 4 : 3 * width // 4]
            picture[box] = near[step:, step:][:height, :width][box]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def folder(path: Path, height: int, seconds: int, num: int) -> list[Path]:
    """Make so many videos of different content, those that are not there yet."""
    path.mkdir(parents=True, exist_ok=True)
    videos = [path / f"{seed:03}.mp4" for seed in range(num)]
    for seed, video in enumerate(videos):
        if not video.exists():
            write(video, height, seconds, seed=seed)
    return videos
