"""HTML pages: a template of this folder and values become one file, with style and pictures in it.

The page of `recognize` is here too.
"""

from __future__ import annotations

import base64
import io
import os
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from actionclip.core.scoring import Prediction

THUMBNAIL_HEIGHT = 144


def render(template: str, **values: Any) -> str:  # noqa: ANN401  (what the template names)
    """Fill a template of this folder; text in the values is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("actionclip", "pages"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
    )
    return environment.get_template(template).render(**values)


def thumbnail(frame: UInt8[np.ndarray, "H W 3"], height: int = THUMBNAIL_HEIGHT) -> str:
    """Return a small JPEG picture of a frame as a data URI."""
    full_height, full_width, _ = frame.shape
    image = Image.fromarray(frame)
    image.thumbnail((round(full_width * height / full_height) + 1, height))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    """Return an address that holds the content itself."""
    return f"data:{media_type};base64," + base64.b64encode(content).decode()


def link(file: Path, page: Path) -> str:
    """Return the address of a file relative to a page."""
    path = os.path.relpath(file.absolute(), page.absolute().parent)
    return urllib.parse.quote(os.fsencode(path))


@dataclass(frozen=True)
class Section:
    """One video on the page of `recognize`."""

    video: str
    thumbnails: Sequence[str]
    """The frames that the model took, as data URIs."""
    predictions: Sequence[Prediction]


def section(
    video: str, frames: UInt8[np.ndarray, "T H W 3"], predictions: Sequence[Prediction]
) -> Section:
    """Return the section of a video, with thumbnails in place of the frames."""
    return Section(video, [thumbnail(frame) for frame in frames], predictions)


def recognition(
    sections: Sequence[Section], model: str, num_labels: int, *, has_threshold: bool = False
) -> str:
    """Render the page of `recognize`.

    Args:
        sections: one for each video, in order.
        model: name or path of the model.
        num_labels: number of candidate labels; the sections may show fewer.
        has_threshold: whether labels below a score are left out.
    """
    return render(
        "recognition.html",
        sections=sections,
        model=model,
        num_labels=num_labels,
        has_threshold=has_threshold,
    )
