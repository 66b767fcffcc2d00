"""Reports: what was asked about videos and answered becomes one HTML page.

Knows no model; how a page is made is `pages`' business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from actionclip import pages
from actionclip.core.scoring import Prediction


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
    return Section(video, [pages.thumbnail(frame) for frame in frames], predictions)


def render(
    sections: Sequence[Section], model: str, num_labels: int, *, has_threshold: bool = False
) -> str:
    """Make the page as HTML text.

    Args:
        sections: one for each video, in order.
        model: the name or path of the model that answered.
        num_labels: among how many labels the model chose; the sections may show fewer.
        has_threshold: whether labels are named only from some score on.
    """
    return pages.render(
        "report.html",
        sections=sections,
        model=model,
        num_labels=num_labels,
        has_threshold=has_threshold,
    )
