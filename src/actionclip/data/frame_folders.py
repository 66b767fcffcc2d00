"""A folder of extracted frames becomes the pattern of their names. Opens no picture.

Tools number frames from 0 or 1, with or without zeros: `img_00001.jpg`, `frame0.png`. So the folder
is looked at instead of asking for a template.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

from actionclip.data.annotations import FrameFolder

_NUMBERED = re.compile(r"(?P<before>.*?)(?P<number>\d+)(?P<after>\.(jpg|jpeg|png|webp|bmp))", re.I)
_FLOW = re.compile(r"flow|^[xyuv]_", re.I)


def describe(folder: Path) -> FrameFolder:
    """Say how the frames in a folder are named, where the numbers begin, and how many there are.

    Pictures of optical flow (`flow_x_00001.jpg`) beside the frames are passed over.

    Raises:
        ValueError: there are none, frames are missing between others, or there are several kinds.
    """
    numbers: dict[tuple[str, str], list[str]] = defaultdict(list)
    for entry in folder.iterdir():
        match = _NUMBERED.fullmatch(entry.name)
        if match and not _FLOW.search(match["before"]):
            numbers[match["before"], match["after"]].append(match["number"])
    if not numbers:
        raise ValueError(f"{folder}: no numbered pictures such as img_00001.jpg in the folder")
    if len(numbers) > 1:
        kinds = ", ".join(f"{before}…{after}" for before, after in sorted(numbers))
        raise ValueError(f"{folder}: pictures of several kinds ({kinds}); keep one kind a folder")
    [((before, after), written)] = numbers.items()
    values = sorted(int(number) for number in written)
    first, last = values[0], values[-1]
    if len(values) != last - first + 1:
        missing = min(set(range(first, last)) - set(values), default=first)
        raise ValueError(f"{folder}: frame {missing} is missing; extract the frames again")
    width = min(map(len, written))
    number = f"{{:0{width}d}}" if width > 1 else "{:d}"
    before, after = (part.replace("{", "{{").replace("}", "}}") for part in (before, after))
    return FrameFolder(f"{before}{number}{after}", first, len(values))
