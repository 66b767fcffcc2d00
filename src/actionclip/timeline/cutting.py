"""Moments are cut out of a video: each becomes a file, exact to the frame, without sound.

Pictures are encoded anew (H.264), for a cut without encoding begins at a keyframe, which may be
seconds away. Knows no models.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.video.frame import VideoFrame

from actionclip.timeline.moments import Moment
from actionclip.video import source, timetable
from actionclip.video.timetable import Opening

_QUALITY = "20"
"""Constant rate factor: about as good as the source to the eye."""
_LONGEST_NAME = 60
_TIME_BASE = Fraction(1, 90_000)


def cut_out(
    video: Path,
    moments: Sequence[Moment],
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Path]:
    """Write a file for each moment; their names say which is which and sort by time.

    Args:
        video: the file that the moments were found in.
        moments: with times from the first frame.
        folder: where the files go; it is made.
        on_progress: told how many files are there, and how many there will be.

    Raises:
        ValueError: the video cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    start = timetable.opening(video)
    paths: list[Path] = []
    for number, moment in enumerate(moments, start=1):
        name = re.sub(r"\W+", "_", moment.label).strip("_")[:_LONGEST_NAME]
        path = folder / f"{video.stem}_{number:03}_{moment.start_seconds:.2f}s_{name}.mp4"
        _write(path, start, _frames_between(video, start, moment))
        paths.append(path)
        on_progress(number, len(moments))
    return paths


def _frames_between(
    video: Path, start: Opening, moment: Moment
) -> Iterator[tuple[int, VideoFrame]]:
    """Decode a moment: ticks since its beginning, and frames."""
    first = start.first_tick + round(Fraction(moment.start_seconds) / start.seconds_per_tick)
    end = start.first_tick + round(Fraction(moment.end_seconds) / start.seconds_per_tick)
    with source.open_video(video) as (container, stream):
        if start.is_seekable:
            container.seek(first, stream=stream)
        frames = source.frames(video, container, stream)
        for tick, frame in source.with_ticks(frames, start.is_counted):
            if tick >= end:
                return
            if tick >= first:
                yield tick - first, frame


def _write(path: Path, start: Opening, frames: Iterator[tuple[int, VideoFrame]]) -> None:
    with av.open(str(path.absolute()), "w", format="mp4") as container:
        stream = container.add_stream("libx264", options={"crf": _QUALITY})
        # H.264 wants even sizes: what is odd loses a row or a column.
        geometry = start.geometry
        stream.width, stream.height = geometry.width // 2 * 2, geometry.height // 2 * 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = _TIME_BASE
        stream.codec_context.sample_aspect_ratio = geometry.pixel_aspect
        degrees = 90 * geometry.quarter_turns
        if geometry.is_mirrored:  # here the mirror comes last
            stream.set_display_rotation(-degrees, hflip=True)
        elif degrees:
            stream.set_display_rotation(degrees)
        for tick, frame in frames:
            picture = frame.reformat(stream.width, stream.height, format="yuv420p")
            picture.pts = round(tick * start.seconds_per_tick / _TIME_BASE)
            picture.time_base = _TIME_BASE
            picture.pict_type = 0
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
