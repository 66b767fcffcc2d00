"""Moments become text for other programs: JSON, CSV, and the subtitle formats SRT and WebVTT.

Moments are written in the order given, and may overlap: players show such subtitles together.
"""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields

from actionclip import display
from actionclip.timeline.moments import Moment


def to_json(video: str, moments: Sequence[Moment]) -> str:
    """Give one document: `{"video", "moments": [{"start_seconds", "end_seconds", ...}]}`."""
    document = {"video": video, "moments": [asdict(moment) for moment in moments]}
    return display.to_json(document, indent=2)


def to_csv(moments: Sequence[Moment]) -> str:
    """Give a table with a head, a row for each moment."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(Moment))
    writer.writerows(map(astuple, moments))
    return buffer.getvalue()


def to_srt(moments: Sequence[Moment]) -> str:
    """Give SubRip subtitles; the format knows no escaping."""
    return "\n".join(
        f"{number}\n{_period(moment, ',')}\n{_one_line(moment.label)}\n"
        for number, moment in enumerate(moments, start=1)
    )


def to_vtt(moments: Sequence[Moment]) -> str:
    """Give WebVTT subtitles, as browsers show them."""
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
    """Take out line breaks: an empty line would end the subtitle."""
    return " ".join(label.split())
