"""Moments are cut out of a video: each becomes a file, exact to the frame, without sound.

Pictures are encoded anew (H.264), for a cut without encoding begins at a keyframe, which may be
seconds away. Knows no models.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

from actionclip.timeline.moments import Moment
from actionclip.video.limits import SHARED_DECODER, Decoder
from actionclip.video.pictures import Picture
from actionclip.video.pixels import Geometry

_QUALITY = "20"
"""Constant rate factor: about as good as the source to the eye."""
_LONGEST_NAME = 60
_TIME_BASE = Fraction(1, 90_000)


def cut_out(
    video: Path,
    moments: Sequence[Moment],
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    decoder: Decoder = SHARED_DECODER,
) -> list[Path]:
    """Write a file for each moment; their names say which is which and sort by time.

    Args:
        video: the file that the moments were found in.
        moments: with times from the first frame.
        folder: where the files go; it is made.
        on_progress: told how many files are there, and how many there will be.
        decoder: reads the video.

    Raises:
        ValueError: the video cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, moment in enumerate(moments, start=1):
        name = re.sub(r"\W+", "_", moment.label).strip("_")[:_LONGEST_NAME]
        path = folder / f"{video.stem}_{number:03}_{moment.start_seconds:.2f}s_{name}.mp4"
        pictures = decoder.stream_pictures(video, moment.start_seconds, moment.end_seconds)
        first = next(pictures, None)
        if first is None:
            raise ValueError(
                f"{video}: no frame can be decoded from {moment.start_seconds:.2f} to"
                f" {moment.end_seconds:.2f} s; convert the video to H.264"
            )
        _write(path, first.geometry, itertools.chain([first], pictures))
        paths.append(path)
        on_progress(number, len(moments))
    return paths


def _write(path: Path, geometry: Geometry, pictures: Iterator[Picture]) -> None:
    with av.open(str(path.absolute()), "w", format="mp4") as container:
        stream = container.add_stream("libx264", options={"crf": _QUALITY})
        # H.264 wants even sizes: an odd row or column is left out.
        stream.width, stream.height = geometry.width // 2 * 2, geometry.height // 2 * 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.sample_aspect_ratio = geometry.pixel_aspect
        degrees = 90 * geometry.quarter_turns
        if geometry.is_mirrored:  # here the mirror comes last
            stream.set_display_rotation(-degrees, hflip=True)
        elif degrees:
            stream.set_display_rotation(degrees)
        for picture in pictures:
            frame = VideoFrame.from_ndarray(picture.planes, format="yuv420p")
            frame.pts = round(picture.seconds / _TIME_BASE)
            frame.time_base = _TIME_BASE
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
