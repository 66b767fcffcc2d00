"""The picture at the top of the README: frames of the demo clip, and what `lite` says of it.

Run `make demo` first, then `.venv/bin/python docs/images/make_readme_picture.py`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from actionclip import Recognizer

LABELS = ["driving a taxi", "parking a bicycle", "playing basketball"]
ROOT = Path(__file__).parents[2]
WIDTH, MARGIN, GAP = 1200, 24, 6
INK, PAPER, FIRST, REST = (28, 32, 36), (255, 255, 255), (47, 111, 143), (185, 201, 210)


def main() -> None:
    """Ask the model and draw the answer."""
    recognizer = Recognizer.load("lite")
    frames = recognizer.read_frames(ROOT / "bikes.mp4")
    predictions = recognizer.recognize(ROOT / "bikes.mp4", LABELS)

    width = (WIDTH - 2 * MARGIN - GAP * (len(frames) - 1)) // len(frames)
    height = round(width * 3 / 4)
    picture = Image.new("RGB", (WIDTH, 2 * MARGIN + height + 20 + 44 * len(predictions)), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size=24)
    for place, frame in enumerate(frames):
        thumbnail = _cover(frame, width, height)
        picture.paste(thumbnail, (MARGIN + place * (width + GAP), MARGIN))
    for place, prediction in enumerate(predictions):
        middle = MARGIN + height + 42 + 44 * place
        draw.text((330, middle), prediction.label, INK, font, anchor="rm")
        length = round(prediction.score * 700)
        draw.rectangle((350, middle - 12, 352 + length, middle + 12), REST if place else FIRST)
        draw.text((366 + length, middle), f"{prediction.score:.2f}", INK, font, anchor="lm")
    picture.save(Path(__file__).with_name("readme.png"), optimize=True)


def _cover(frame: np.ndarray, width: int, height: int) -> Image.Image:
    """Scale and cut a frame to this size."""
    image = Image.fromarray(frame)
    scale = max(width / image.width, height / image.height)
    image = image.resize((round(image.width * scale), round(image.height * scale)))
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


if __name__ == "__main__":
    main()
