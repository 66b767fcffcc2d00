"""The pages of an evaluation's report and of a comparison of two."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from actionclip.data import clips
from actionclip.data.annotations import Example
from actionclip.data.clips import Sampling
from actionclip.evaluation import wording
from actionclip.evaluation.compare import Comparison
from actionclip.evaluation.metrics import NUM_BINS
from actionclip.evaluation.report import LabelResult, Report
from actionclip.pages import html

MAX_MATRIX = 40
"""Of more labels, the matrix shows those that are confused most."""
MAX_BARS = 60
NUM_CONFUSED = 15
_MATRIX_WIDTH = 640
_CELL_SIZES = (15, 72)


@dataclass(frozen=True)
class Cell:
    """Clips of one label with one predicted label."""

    row: int
    column: int
    num_clips: int
    share: float
    """Of the clips of the label."""


@dataclass(frozen=True)
class Matrix:
    """The confusions among some labels."""

    labels: Sequence[str]
    cells: Sequence[Cell]
    size: int
    """Of a cell, in pixels."""


def render(report: Report, strips: Mapping[int, Sequence[str]] | None = None) -> str:
    """Render the page of a report.

    Args:
        report: to show.
        strips: pictures of clips as data URIs, by index of the clip: see `draw_strips`.
    """
    return html.render(
        "evaluation.html",
        report=report,
        say=wording,
        matrix=confusion_matrix(report),
        bars=bars(report.label_results),
        confused=report.confused[:NUM_CONFUSED],
        bins=[(min(int(one.score * NUM_BINS), NUM_BINS - 1), one) for one in report.calibration],
        num_bins=NUM_BINS,
        strips=strips or {},
    )


def render_comparison(comparison: Comparison) -> str:
    """Render the page of a comparison of two reports."""
    return html.render("comparison.html", comparison=comparison, say=wording)


def draw_strips(
    examples: Sequence[Example], indices: Iterable[int], sampling: Sampling
) -> dict[int, list[str]]:
    """Return the sampled frames of some clips as data URIs, by index.

    Args:
        examples: clips that can be read.
        indices: of those to draw.
        sampling: which frames are shown: those of a single window.
    """
    strips = {}
    for index in indices:
        frames, _ = clips.read_sampled(
            examples[index],
            sampling,
            lambda available: sampling.windows(available, 1)[0],
            html.THUMBNAIL_HEIGHT,
        )
        strips[index] = [html.thumbnail(frame) for frame in frames]
    return strips


def bars(results: Sequence[LabelResult]) -> list[LabelResult]:
    """Return the labels that have clips, the weakest first; of very many, both ends."""
    values = [(one.estimate.value, one) for one in results if one.estimate]
    ordered = [one for _, one in sorted(values, key=lambda pair: pair[0])]
    if len(ordered) <= MAX_BARS:
        return ordered
    return ordered[: MAX_BARS // 2] + ordered[-MAX_BARS // 2 :]


def confusion_matrix(report: Report) -> Matrix | None:
    """Return the confusions to draw; None where clips have several labels."""
    if not report.confusion:
        return None
    shown = list(range(len(report.labels)))
    if len(shown) > MAX_MATRIX:  # those confused most, each beside the one it is confused with
        wrong = dict.fromkeys(label for *pair, _ in report.confused for label in pair)
        shown = [report.labels.index(label) for label in wrong][:MAX_MATRIX]
    totals: dict[int, int] = defaultdict(int)
    for row, _, num_clips in report.confusion:
        totals[row] += num_clips
    place = {label: at for at, label in enumerate(shown)}
    cells = [
        Cell(place[row], place[column], num_clips, num_clips / totals[row])
        for row, column, num_clips in report.confusion
        if row in place and column in place
    ]
    smallest, largest = _CELL_SIZES
    size = min(largest, max(smallest, _MATRIX_WIDTH // max(len(shown), 1)))
    return Matrix([report.labels[index] for index in shown], cells, size)
