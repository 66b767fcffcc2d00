"""Odd video files, each made on the spot: noisy pictures whose frames all differ."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

NUM_FRAMES = 70
OPEN_GOPS = {"x264-params": "open-gop=1:keyint=20:bframes=4:b-pyramid=normal:scenecut=0"}
CLOSED_GOPS = {"x264-params": "keyint=20:bframes=4:scenecut=0"}


def pictures(num_frames: int = NUM_FRAMES, height: int = 48, width: int = 64) -> list[np.ndarray]:
    """A square on a drifting texture."""
    texture = np.random.default_rng(0).integers(0, 200, (height, width + num_frames, 3), np.uint8)
    frames = [texture[:, index : index + width].copy() for index in range(num_frames)]
    for index, frame in enumerate(frames):
        frame[index % (height - 8) :][:8, index % (width - 8) :][:, :8] = 255
    return frames


def write_video(
    path: Path,
    frames: Sequence[np.ndarray],
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    options: dict[str, str] | None = None,
    rate: int = 25,
    times: Callable[[int], int] | None = None,
    rotation: int = 0,
    matrix: Sequence[int] | None = None,
    pixel_aspect: Fraction | None = None,
) -> Path:
    """Encode frames; `times` gives the milliseconds at which each is shown.

    `matrix` is the a, b, c, d of the display matrix, in units of 1/65536.
    """
    muxing = {"movflags": "+faststart"} if path.suffix == ".mp4" else {}  # the index comes first
    with av.open(str(path), "w", options=muxing) as container:
        stream = container.add_stream(codec, rate=rate, options=options or {})
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = pixel_format
        if rotation:
            stream.set_display_rotation(rotation)
        if matrix:
            a, b, c, d = matrix
            stream.set_display_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30])
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if times:
            stream.codec_context.time_base = Fraction(1, 1000)
        for index, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times:
                frame.pts, frame.time_base = times(index), Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def remux(source: Path, path: Path, shift_seconds: float = 0) -> Path:
    """Copy the packets into another container, shown earlier or later."""
    options = {"avoid_negative_ts": "disabled"}
    with av.open(str(source)) as old, av.open(str(path), "w", options=options) as new:
        stream = new.add_stream_from_template(old.streams.video[0])
        for packet in old.demux(video=0):
            if packet.size:
                shift = round(shift_seconds / packet.time_base)
                packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                packet.stream = stream
                new.mux(packet)
    return path


def make_odd_file(name: str, folder: Path) -> Path:
    """Make one of the files named below."""
    plain = folder / "plain.mp4"
    match name:
        case "closed gops.mp4":
            return write_video(folder / name, pictures(), options=CLOSED_GOPS)
        case "one gop.mp4":
            return write_video(folder / name, pictures(), options={"x264-params": "keyint=250"})
        case "refreshed bit by bit.mp4":
            options = {"x264-params": "intra-refresh=1:keyint=20"}
            return write_video(folder / name, pictures(), options=options)
        case "uneven times.mkv" | "uneven times.mp4":
            return write_video(
                folder / name,
                pictures(),
                options=CLOSED_GOPS,
                times=lambda index: 40 * index + 300 * (index // 7) + 13 * (index % 3),
            )
        case "hevc.mp4":
            options = {"x265-params": "keyint=20:open-gop=1:log-level=none"}
            return write_video(folder / name, pictures(), "libx265", options=options)
        case "vp9.webm":
            options = {"deadline": "realtime", "cpu-used": "8", "lag-in-frames": "16", "g": "20"}
            return write_video(folder / name, pictures(), "libvpx-vp9", options=options)
        case "vp8.webm":
            options = {"deadline": "realtime", "cpu-used": "8", "auto-alt-ref": "1", "g": "20"}
            options["lag-in-frames"] = "16"
            return write_video(folder / name, pictures(), "libvpx", options=options)
        case "mpeg4 with b-frames.avi" | "mpeg4 with b-frames.mp4":
            options = {"bf": "2", "g": "20"}
            return write_video(folder / name, pictures(), "mpeg4", options=options)
        case "mpeg4.avi":
            return write_video(folder / name, pictures(), "mpeg4", options={"g": "20"})
        case "mpeg2.ts" | "mpeg2.mpg":
            options = {"bf": "2", "g": "15"}
            return write_video(folder / name, pictures(), "mpeg2video", options=options)
        case "motion jpeg.avi":
            return write_video(folder / name, pictures(), "mjpeg", "yuvj420p")
        case "odd size.mkv":
            frames = pictures(height=47, width=63)
            return write_video(folder / name, frames, pixel_format="yuv444p", options=CLOSED_GOPS)
        case "animation.gif":
            return write_video(folder / name, pictures(30), "gif", "rgb8", rate=10)
        case "cut away.mp4":  # an edit list hides the first second
            whole = write_video(plain, pictures(), options=CLOSED_GOPS)
            return remux(whole, folder / name, shift_seconds=-1)
        case "late.mkv" | "late.ts":
            whole = write_video(plain, pictures(), options=CLOSED_GOPS)
            return remux(whole, folder / name, shift_seconds=7)
        case _:  # "open gops" in any container
            return write_video(folder / name, pictures(), options=OPEN_GOPS)


@pytest.fixture(scope="session")
def write() -> Callable[..., Path]:
    """The function that encodes frames."""
    return write_video


@pytest.fixture(scope="session")
def noisy() -> Callable[..., list[np.ndarray]]:
    """The function that draws frames."""
    return pictures


@pytest.fixture(scope="session")
def ordinary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """H.264 in mp4, 70 frames, a keyframe every 20."""
    return make_odd_file("closed gops.mp4", tmp_path_factory.mktemp("ordinary"))


@pytest.fixture(
    scope="session",
    params=[
        "closed gops.mp4",
        "one gop.mp4",
        "refreshed bit by bit.mp4",
        "open gops.mp4",
        "open gops.mkv",
        "open gops.ts",
        "open gops.avi",
        "open gops.flv",
        "open gops.h264",
        "uneven times.mp4",
        "uneven times.mkv",
        "hevc.mp4",
        "vp8.webm",
        "vp9.webm",
        "mpeg4.avi",
        "mpeg4 with b-frames.avi",
        "mpeg4 with b-frames.mp4",
        "mpeg2.ts",
        "mpeg2.mpg",
        "motion jpeg.avi",
        "odd size.mkv",
        "animation.gif",
        "cut away.mp4",
        "late.mkv",
        "late.ts",
    ],
)
def odd_file(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video that is harder to read than it looks; its name says why."""
    return make_odd_file(request.param, tmp_path_factory.mktemp("odd"))
