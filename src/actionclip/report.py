"""Reports: what was asked and answered becomes one HTML page that needs no other file.

The page holds its pictures and its style, runs no script and loads nothing from a network.
"""

from __future__ import annotations

import base64
import io
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from actionclip.recognizer import Prediction

THUMBNAIL_HEIGHT = 144


@dataclass(frozen=True)
class Section:
    """One video of a report."""

    video: str
    thumbnails: Sequence[str]
    """The frames that the model looked at, as data URIs of JPEG pictures."""
    predictions: Sequence[Prediction]


def section(
    video: str, frames: UInt8[np.ndarray, "T H W 3"], predictions: Sequence[Prediction]
) -> Section:
    """Make the section of one video; it holds small pictures, no longer the frames."""
    return Section(video, [_thumbnail(frame) for frame in frames], predictions)


def render(sections: Sequence[Section], model: str, num_labels: int) -> str:
    """Make the page as HTML text.

    Args:
        sections: one for each video, in order.
        model: the name or path of the model that answered.
        num_labels: among how many labels the model chose; the sections may show fewer.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("actionclip"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("report.html")
    return page.render(sections=sections, model=model, num_labels=num_labels)


def write(path: Path, page: str) -> None:
    """Write the page, whole or not at all.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(page)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _thumbnail(frame: UInt8[np.ndarray, "H W 3"]) -> str:
    height, width, _ = frame.shape
    image = Image.fromarray(frame)
    image.thumbnail((round(width * THUMBNAIL_HEIGHT / height) + 1, THUMBNAIL_HEIGHT))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
