"""Results of an experiment become Markdown, with the paper's figures beside, and a picture."""

from __future__ import annotations

import io
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from actionclip.experiments.few_shot import Point


@dataclass(frozen=True)
class Row:
    """A variant and its results."""

    name: str
    paper: str
    top1: Sequence[float]
    """0…1, for each seed; empty where the variant is not possible."""
    remark: str = ""


def table(title: str, place: str, rows: Sequence[Row], provenance: Mapping[str, str]) -> str:
    """Write a table of the paper."""
    header = ["", "paper, Kinetics-400", "here, top-1 %", "seeds", ""]
    cells = [
        [row.name, row.paper, _spread(row.top1), _percents(row.top1), row.remark] for row in rows
    ]
    text = f"The paper: {place}. The mean of the seeds and their standard deviation.\n\n"
    return _document(title, text + _markdown(header, cells), provenance)


def figure(title: str, points: Sequence[Point], picture: str, provenance: Mapping[str, str]) -> str:
    """Write the table below the picture of few-shot curves."""
    kinds = list(dict.fromkeys(point.kind for point in points))
    shots = sorted({point.shots for point in points})
    cells = [[str(k), *(_spread(_top1(points, kind, k)) for kind in kinds)] for k in shots]
    text = f"![{title}]({picture})\n\n" + _markdown(["clips of each label", *kinds], cells)
    if chosen := sorted({point.selection for point in points} - {""}):
        text += f"\n\nThe tested clips also chose something of the models: {', '.join(chosen)}."
    return _document(title, text, provenance)


def draw(points: Sequence[Point]) -> bytes:
    """Draw few-shot curves as a PNG: the mean over the seeds, and each of them."""
    picture = Figure(figsize=(7, 4.5), layout="constrained")
    axes = picture.subplots()
    shots = sorted({point.shots for point in points})
    kinds = dict.fromkeys(point.kind for point in points)
    for kind, colour in zip(kinds, ("tab:blue", "tab:orange"), strict=False):
        each = [_top1(points, kind, number) for number in shots]
        means = [100 * statistics.mean(values) for values in each]
        axes.plot(range(len(shots)), means, marker="o", color=colour, label=kind)
        for place, values in enumerate(each):
            x, y = [place] * len(values), [100 * value for value in values]
            axes.scatter(x, y, s=12, color=colour, alpha=0.4)
    axes.set_xticks(range(len(shots)), [str(number) for number in shots])
    axes.set(xlabel="clips of each new label", ylabel="top-1, %", ylim=(0, 101))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    png = io.BytesIO()
    picture.savefig(png, dpi=120)
    return png.getvalue()


def _document(title: str, body: str, provenance: Mapping[str, str]) -> str:
    lines = "\n".join(f"- {name}: {value}" for name, value in provenance.items())
    return f"# {title}\n\n{body}\n\n{lines}\n"


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _top1(points: Sequence[Point], kind: str, shots: int) -> list[float]:
    return [point.top1 for point in points if (point.kind, point.shots) == (kind, shots)]


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "not possible"
    mean = f"{100 * statistics.mean(values):.1f}"
    return f"{mean} ± {100 * statistics.stdev(values):.1f}" if len(values) > 1 else mean


def _percents(values: Sequence[float]) -> str:
    return ", ".join(f"{100 * value:.1f}" for value in values)
