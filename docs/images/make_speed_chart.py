"""The chart of speed in the README, docs/images/speed.svg: the ratios of docs/benchmarks.md.

python docs/images/make_speed_chart.py
"""

from __future__ import annotations

import html
import math
import re
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).parents[1]
WIDTH, LEFT, RIGHT, ROW, GAP, TOP = 880, 330, 60, 22, 14, 74
MOST = 2000  # where the axis ends
STYLE = """
  text { font: 14px system-ui, sans-serif; fill: #24292f; }
  .small { font-size: 12.5px; fill: #57606a; }
  .strong { font-weight: 600; }
  .first { fill: #2f6f8f; } .again { fill: #8fb9cc; }
  .line { stroke: #d0d7de; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3; } .small { fill: #9da7b1; }
    .first { fill: #4cb8dc; } .again { fill: #2a6378; }
    .line { stroke: #30363d; }
  }
"""


class Bar(NamedTuple):
    """How many times faster than the reference way."""

    model: str
    ratio: float
    is_again: bool


def read(text: str) -> dict[str, list[Bar]]:
    """Return the bars of each task, from the tables of the page on benchmarks."""
    first, again = re.findall(r": ([\d.]+) times faster", _part(text, "timeline"))
    return {
        "400 labels": _rows(_part(text, "labels"), "labels"),
        "a clip, 400 labels": _rows(_part(text, "clip"), "340×256"),
        "200 clips, 400 labels": _rows(_part(text, "folder"), "200 videos"),
        "timeline of ten minutes": [
            Bar("lite", float(first), is_again=False),
            Bar("lite", float(again), is_again=True),
        ],
    }


def _part(text: str, name: str) -> str:
    pattern = rf"<!-- make bench: {name} -->\n(.*?)<!-- end: {name} -->"
    match = re.search(pattern, text, re.DOTALL)
    assert match, f"docs/benchmarks.md has no part {name!r}"
    return match[1]


def _rows(table: str, what: str) -> list[Bar]:
    pattern = rf"^\| {what} \| (\S+) \| \*\*ours\*\*, (first run|again) \| \S+ \| ([\d.,]+) \|"
    rows = re.findall(pattern, table, re.MULTILINE)
    assert rows, f"docs/benchmarks.md has no row {what!r}"
    return [Bar(model, float(x.replace(",", "")), way == "again") for model, way, x in rows]


def draw(tasks: dict[str, list[Bar]]) -> str:
    """Return the chart as SVG; its axis is logarithmic."""
    title = "How many times faster than the official code's way of doing the same"
    parts: list[str] = []
    top = TOP
    for task, bars in tasks.items():
        parts.append(_text(task, 20, top + 15, "strong"))
        for bar in bars:
            kind = "again" if bar.is_again else "first"
            length = _x(bar.ratio) - LEFT
            label = f"{bar.model}, again" if bar.is_again else bar.model
            parts.append(_text(label, LEFT - 10, top + 15, "small", "end"))
            parts.append(
                f'<rect class="{kind}" x="{LEFT}" y="{top + 2}" width="{length:.1f}" '
                f'height="{ROW - 4}" rx="2"/>'
            )
            parts.append(
                _text(
                    f"{bar.ratio:,.{0 if bar.ratio >= 100 else 1}f}×",
                    LEFT + length + 6,
                    top + 16,
                    "small",
                )
            )
            top += ROW
        top += GAP
    grid = [
        f'<line class="line" x1="{_x(tick):.1f}" x2="{_x(tick):.1f}" y1="{TOP - 8}" y2="{top}"/>'
        + _text(f"{tick:,}×", _x(tick), TOP - 14, "small", "middle")
        for tick in (1, 10, 100, 1000)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top + 8}" role="img" '
            f'aria-label="{title}">',
            f"<title>{title}</title>",
            f"<style>{STYLE}</style>",
            _text(title, 20, 26, "strong"),
            *grid,
            *parts,
            "</svg>\n",
        ]
    )


def _x(ratio: float) -> float:
    return LEFT + (WIDTH - LEFT - RIGHT) * math.log(ratio) / math.log(MOST)


def _text(words: str, x: float, y: float, kind: str, anchor: str = "start") -> str:
    place = f'x="{x:.1f}" y="{y}" text-anchor="{anchor}"'
    return f'<text class="{kind}" {place}>{html.escape(words)}</text>'


def chart() -> str:
    """Return the chart of the page as it is."""
    return draw(read((DOCS / "benchmarks.md").read_text(encoding="utf-8")))


if __name__ == "__main__":
    (DOCS / "images" / "speed.svg").write_text(chart(), encoding="utf-8")
