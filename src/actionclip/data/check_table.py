"""The report on a data set becomes tables that a terminal shows."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from actionclip import display
from actionclip.data.check import CheckReport


def render(report: CheckReport) -> RenderableType:
    """Show the counts, then what is in the videos, then what is wrong; the verdict comes last."""
    parts: list[RenderableType] = [_counts(report)] if report.counts else []
    parts += _facts(report)
    parts += _listed("Mistakes", report.problems)
    parts += _listed(
        "Unreadable videos", [f"{path}: {reason}" for path, reason in report.unreadable.items()]
    )
    parts += _listed(
        "The same clip in several splits", [" = ".join(same) for same in report.duplicates]
    )
    parts += _listed("Questions (allowed)", report.questions)
    parts += _listed(
        "Labels that nearly repeat each other (allowed)",
        [f"{one} · {other}" for one, other in report.similar_labels],
    )
    parts.append(_verdict(report))
    return Group(*parts)


def _counts(report: CheckReport) -> Table:
    splits = list(report.splits)
    table = Table(title=escape(display.one_line(report.data)), show_footer=True)
    table.add_column("label", footer=f"{len(report.counts)} labels")
    for split in splits:
        drawn = " (drawn)" if report.split_drawn else ""
        table.add_column(f"{split}{drawn}", footer=str(report.splits[split]), justify="right")
    for label, by_split in report.counts.items():
        table.add_row(
            escape(display.one_line(label)), *(str(by_split.get(split, 0)) for split in splits)
        )
    return table


def _facts(report: CheckReport) -> list[RenderableType]:
    lines = [report.layout] if report.layout else []
    if report.durations:
        of = report.durations
        lines.append(
            f"durations: {of.shortest:.1f} s to {of.longest:.1f} s, median {of.median:.1f} s,"
            f" together {of.total / 60:.1f} min"
        )
    if report.sizes:
        sizes = ", ".join(f"{size} ({count})" for size, count in report.sizes.items())
        lines.append(f"sizes: {sizes}")
    if report.num_missing:
        lines.append(f"missing: {report.num_missing} listed videos are not there and are left out")
    return [Text(line) for line in lines]


def _listed(title: str, lines: list[str]) -> list[RenderableType]:
    if not lines:
        return []
    return [
        Text(f"\n{title}: {len(lines)}", style="bold"),
        *(Text(f"  {display.one_line(line)}") for line in lines),
    ]


def _verdict(report: CheckReport) -> Text:
    if report.ok:
        return Text("\nNothing here would break a training.", style="green")
    return Text("\nCorrect what is listed above before training.", style="bold red")
