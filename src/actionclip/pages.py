"""Pages: a template and values become one HTML file that needs no other file.

A page holds its pictures and its style and loads nothing from a network.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from jaxtyping import UInt8
from PIL import Image

from actionclip import atomic_write, display

THUMBNAIL_HEIGHT = 144


def render(template: str, **values: Any) -> str:  # noqa: ANN401  (what the template names)
    """Fill one of the package's templates; text in the values is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("actionclip"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template(template).render(**values)


def thumbnail(frame: UInt8[np.ndarray, "H W 3"], height: int = THUMBNAIL_HEIGHT) -> str:
    """Make a small picture of a frame, as a data URI."""
    full_height, full_width, _ = frame.shape
    image = Image.fromarray(frame)
    image.thumbnail((round(full_width * height / full_height) + 1, height))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=80)
    return data_uri(buffer.getvalue(), "image/jpeg")


def data_uri(content: bytes, media_type: str) -> str:
    """Give content as an address that holds it."""
    return f"data:{media_type};base64," + base64.b64encode(content).decode()


def check_place(path: Path) -> None:
    """Make sure, before anything is computed, that a file can be written here.

    Raises:
        FileNotFoundError: there is no such folder.
    """
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"{path}: there is no folder {path.parent}; make it first")


def write(path: Path, text: str) -> None:
    """Write a page or another text, whole or not at all.

    Raises:
        OSError: the folder does not exist or cannot be written.
    """
    atomic_write.write(path, display.encode(text))
