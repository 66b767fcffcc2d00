"""The metrics of a run become a picture: the loss, and below it the scores on held-out clips."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure


def draw(rows: Sequence[Mapping[str, int | float]]) -> bytes:
    """Draw all epochs as a PNG.

    Args:
        rows: a row for each epoch, with "epoch", "loss" and the scores, 0…1.
    """
    figure = Figure(figsize=(7, 6), layout="constrained")
    above, below = figure.subplots(2, sharex=True)
    epochs = [row["epoch"] for row in rows]
    above.plot(epochs, [row["loss"] for row in rows], marker=".", color="tab:red")
    above.set(ylabel="training loss", ylim=(0, None))
    for name in rows[0]:
        if name not in ("epoch", "loss"):
            below.plot(epochs, [100 * row[name] for row in rows], marker=".", label=name)
    below.set(xlabel="epoch", ylabel="held-out clips, %", ylim=(0, 101))
    below.legend(loc="lower right")
    for axes in (above, below):
        axes.grid(alpha=0.3)
    png = io.BytesIO()
    figure.savefig(png, dpi=120)
    return png.getvalue()
