"""Draw docs/images/stick-figures.png: eight frames of one clip of each of the sixteen actions.

python docs/stick_figures.py
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from actionclip.data.stick_figures.dataset import Clip
from actionclip.data.stick_figures.motions import ACTIONS

NUM_FRAMES = 8
FRAME_SIZE = (128, 96)
NAME_WIDTH = 172


def contact_sheet() -> Image.Image:
    """One row an action: its name, then frames from the beginning of the clip to its end."""
    width, height = FRAME_SIZE
    sheet = Image.new("RGB", (NAME_WIDTH + NUM_FRAMES * width, len(ACTIONS) * height), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=16)
    for row, action in enumerate(ACTIONS):
        draw.text((8, (row + 0.5) * height), action, fill="black", font=font, anchor="lm")
        # Reversals show another person than the action they reverse.
        frames = Clip((action,), index=row).frames(seed=0)
        for column, index in enumerate(np.linspace(1, len(frames) - 2, NUM_FRAMES).round()):
            frame = Image.fromarray(frames[int(index)]).resize(FRAME_SIZE)
            sheet.paste(frame, (NAME_WIDTH + column * width, row * height))
    return sheet


if __name__ == "__main__":
    path = Path(__file__).parent / "images" / "stick-figures.png"
    contact_sheet().quantize(256).save(path, optimize=True)
