"""A report becomes one HTML page that needs no other file, with its pictures drawn in it.

Knows no videos: the frames of the worst clips are given.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from actionclip import pages
from actionclip.evaluation import wording
from actionclip.evaluation.metrics import NUM_BINS
from actionclip.evaluation.report import LabelResult, Report

MAX_MATRIX = 40
"""More labels than this cannot be read in a matrix: then it shows those that are confused most."""
MAX_BARS = 60
NUM_CONFUSED = 15
_MATRIX_WIDTH = 640
_CELL_SIZES = (15, 72)


@dataclass(frozen=True)
class Cell:
    """Clips of one label that were taken for one label."""

    row: int
    column: int
    num_clips: int
    share: float
    """Of the clips of the label."""


@dataclass(frozen=True)
class Matrix:
    """What was taken for what, among some labels."""

    labels: Sequence[str]
    cells: Sequence[Cell]
    size: int
    """Of a cell, in pixels."""


def render(report: Report, strips: Mapping[int, Sequence[str]] | None = None) -> str:
    """Make the page as HTML text.

    Args:
        report: what to show.
        strips: pictures of clips as data URIs, by the clips' places in the report; `report.worst`
            says which are shown.
    """
    return pages.render(
        "evaluation.html",
        report=report,
        say=wording,
        matrix=matrix(report),
        bars=ends(report.label_results),
        confused=report.confused[:NUM_CONFUSED],
        bins=[(min(int(one.score * NUM_BINS), NUM_BINS - 1), one) for one in report.calibration],
        num_bins=NUM_BINS,
        strips=strips or {},
    )


def ends(results: Sequence[LabelResult]) -> list[LabelResult]:
    """Put the labels that have clips in order, the weakest first; of very many keep both ends."""
    told = [(one.estimate.value, one) for one in results if one.estimate]
    ordered = [one for _, one in sorted(told, key=lambda pair: pair[0])]
    if len(ordered) <= MAX_BARS:
        return ordered
    return ordered[: MAX_BARS // 2] + ordered[-MAX_BARS // 2 :]


def matrix(report: Report) -> Matrix | None:
    """Choose what of the confusions is drawn; nothing where clips have several labels."""
    if not report.confusion:
        return None
    chosen = (
        _most_confused(report) if len(report.labels) > MAX_MATRIX else [*range(len(report.labels))]
    )
    totals: dict[int, int] = defaultdict(int)
    for row, _, num_clips in report.confusion:
        totals[row] += num_clips
    place = {label: at for at, label in enumerate(chosen)}
    cells = [
        Cell(place[row], place[column], num_clips, num_clips / totals[row])
        for row, column, num_clips in report.confusion
        if row in place and column in place
    ]
    smallest, largest = _CELL_SIZES
    size = min(largest, max(smallest, _MATRIX_WIDTH // max(len(chosen), 1)))
    return Matrix([report.labels[index] for index in chosen], cells, size)


def _most_confused(report: Report) -> list[int]:
    """Give the labels of the most frequent confusions, each beside the one that it is taken for."""
    wrong = sorted((cell for cell in report.confusion if cell[0] != cell[1]), key=lambda c: -c[2])
    chosen = dict.fromkeys(label for row, column, _ in wrong for label in (row, column))
    return list(chosen)[:MAX_MATRIX]
