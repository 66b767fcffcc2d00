"""A picture file becomes one frame, decoded by Pillow, whose JPEG differs slightly from FFmpeg's.

Only regular files of the formats in which frames are extracted are opened.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

from actionclip.video import source

FORMATS = ("JPEG", "PNG", "WEBP", "BMP")


def read_picture(path: Path, max_pixels: int) -> UInt8[np.ndarray, "H W 3"]:
    """Read a picture as RGB, at its full size, as it is stored (not turned upright).

    Args:
        path: a picture file.
        max_pixels: a larger one is refused before it is decoded.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not a whole picture of one of the formats, or it is too large.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such file; check the path")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is ours
            picture = Image.open(path, formats=FORMATS)
        with picture:
            width, height = picture.size
            if width * height <= max_pixels:
                return np.array(picture.convert("RGB"))
    except (Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
        raise ValueError(
            f"{path}: not a picture that can be read ({error}); make it again"
        ) from error
    raise ValueError(source.too_large(path, width, height, max_pixels))
