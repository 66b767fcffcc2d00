"""Moments become files: JSON, CSV, subtitles (SRT and WebVTT), and a video clip of each moment.

Moments are written in the order given, and may overlap: players show such subtitles together.
Clips are exact to the frame and have no sound. Their pictures are encoded anew (H.264), because a
cut without encoding begins at a keyframe, which may be seconds away.
"""

from __future__ import annotations

import csv
import html
import io
import os
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, astuple, fields
from fractions import Fraction
from pathlib import Path

import av
from av.codec.context import Flags
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from actionclip import atomic_write, display
from actionclip.timeline.moments import Moment
from actionclip.video.decoder import SHARED_DECODER, Decoder, Picture

_QUALITY = "20"
"""Constant rate factor: about as good as the source to the eye."""
_MAX_STEM_BYTES = 150
"""Of the video's name in a clip's name: a disk takes 255 bytes in all."""
_MAX_LABEL_BYTES = 60
"""Of the label in a clip's name."""
_WORD_CATEGORIES = "LMN"
"""Categories of Unicode: letters, marks (vowels of Indian scripts, accents), numbers."""
_TIME_BASE = Fraction(1, 90_000)


def to_json(video: str, moments: Sequence[Moment]) -> str:
    """Return one document: `{"video", "moments": [{"start_seconds", "end_seconds", ...}]}`."""
    document = {"video": video, "moments": [asdict(moment) for moment in moments]}
    return display.to_json(document, indent=2)


def to_csv(moments: Sequence[Moment]) -> str:
    """Return a table with a header and a row for each moment."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(Moment))
    writer.writerows(map(astuple, moments))
    return buffer.getvalue()


def to_srt(moments: Sequence[Moment]) -> str:
    """Return SubRip subtitles; the format has no escaping."""
    return "\n".join(
        f"{number}\n{_period(moment, ',')}\n{_one_line(moment.label)}\n"
        for number, moment in enumerate(moments, start=1)
    )


def to_vtt(moments: Sequence[Moment]) -> str:
    """Return WebVTT subtitles, as browsers show them."""
    cues = (
        f"\n{_period(moment, '.')}\n{html.escape(_one_line(moment.label), quote=False)}\n"
        for moment in moments
    )
    return "WEBVTT\n" + "".join(cues)


def _period(moment: Moment, mark: str) -> str:
    return f"{_clock(moment.start_seconds, mark)} --> {_clock(moment.end_seconds, mark)}"


def _clock(seconds: float, mark: str) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}{mark}{milliseconds % 1000:03}"


def _one_line(label: str) -> str:
    """Remove line breaks: an empty line would end the subtitle."""
    return " ".join(label.split())


def write_clips(
    video: Path,
    moments: Sequence[Moment],
    folder: Path,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    decoder: Decoder = SHARED_DECODER,
) -> list[Path]:
    """Write a video for each moment; the names hold number, time and label, and sort by time.

    The folder is made. `on_progress` is called with the number of clips written and that of all.

    Raises:
        ValueError: the video cannot be decoded.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for number, moment in enumerate(moments, start=1):
        stem, name = _shortened(video.stem, _MAX_STEM_BYTES), name_of(moment.label)
        path = folder / f"{stem}_{number:03}_{moment.start_seconds:.2f}s_{name}.mp4"
        pictures = decoder.stream_pictures(video, moment.start_seconds, moment.end_seconds)
        seconds = Fraction(moment.end_seconds) - Fraction(moment.start_seconds)
        with atomic_write.replacing(path) as unfinished:
            _encode(unfinished, pictures, seconds)
        paths.append(path)
        on_progress(number, len(moments))
    return paths


def name_of(label: str) -> str:
    """Join the words of a label, in any script, by underscores."""
    letters = "".join(
        character if unicodedata.category(character)[0] in _WORD_CATEGORIES else " "
        for character in label
    )
    return _shortened("_".join(letters.split()), _MAX_LABEL_BYTES)


def _shortened(name: str, num_bytes: int) -> str:
    """Cut a name that is too long; others stay as they are, whatever their bytes."""
    content = os.fsencode(name)
    return name if len(content) <= num_bytes else content[:num_bytes].decode(errors="ignore")


def _encode(path: Path, pictures: Iterator[Picture], seconds: Fraction) -> None:
    """Encode pictures, at least one; the last lasts until so many seconds after the start."""
    picture = next(pictures)
    with av.open(str(path.absolute()), "w", format="mp4") as container:
        # Without B-frames a reader finds each picture's own duration, the last one's too.
        stream = container.add_stream("libx264", options={"crf": _QUALITY, "bf": "0"})
        _configure(stream, picture)
        while picture:
            following = next(pictures, None)
            frame = VideoFrame.from_ndarray(picture.planes, format="yuv420p")
            begin = round(picture.seconds / _TIME_BASE)
            end = round((following.seconds if following else seconds) / _TIME_BASE)
            frame.pts, frame.duration, frame.time_base = begin, end - begin, _TIME_BASE
            container.mux(stream.encode(frame))
            picture = following
        container.mux(stream.encode())


def _configure(stream: VideoStream, picture: Picture) -> None:
    """Set the size, the shape, the colours and the orientation of a stream to a picture's."""
    coder, geometry = stream.codec_context, picture.geometry
    stream.height, stream.width = picture.planes.shape[0] * 2 // 3, picture.planes.shape[1]
    stream.pix_fmt = "yuv420p"
    coder.time_base = _TIME_BASE
    coder.flags |= Flags.frame_duration
    coder.sample_aspect_ratio = geometry.pixel_aspect
    coder.color_range, coder.colorspace, coder.color_primaries, coder.color_trc, chroma = (
        picture.colours
    )
    coder.options = {**coder.options, "chroma_sample_location": str(chroma)}
    degrees = 90 * geometry.quarter_turns
    if geometry.is_mirrored:  # here the mirror comes last
        stream.set_display_rotation(-degrees, hflip=True)
    elif degrees:
        stream.set_display_rotation(degrees)
