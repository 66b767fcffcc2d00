"""`actionclip report`: compares the reports of evaluations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from actionclip import display
from actionclip.cli import terminal

if TYPE_CHECKING:
    from rich.table import Table

    from actionclip.evaluation.compare import Comparison

NUM_SHOWN = 10

report = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


@report.callback()
def actionclip_report() -> None:
    """Compare reports of `actionclip evaluate --json`."""


@report.command()
def compare(
    before: Annotated[Path, typer.Argument(metavar="A.json", help="A report.")],
    after: Annotated[Path, typer.Argument(metavar="B.json", help="Another, on the same clips.")],
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write an HTML page with all clips.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
) -> None:
    """List the clips that B has right and A wrong, and the reverse, with a test of significance."""
    from actionclip import atomic_write

    with terminal.extra("comparing needs"):
        from actionclip.evaluation import compare as comparing
        from actionclip.evaluation import report as reports
        from actionclip.pages import evaluation as pages

    if html:
        atomic_write.check_folder(html)
    comparison = comparing.compare(reports.read(before), reports.read(after))
    if as_json:
        print(comparison.to_json())
    else:
        _print(comparison)
    if html:
        atomic_write.write_text(html, pages.render_comparison(comparison))
        terminal.note(f"the page is in {html}")


def _print(comparison: Comparison) -> None:
    from rich.console import Console
    from rich.text import Text

    from actionclip.evaluation import wording

    console = Console(highlight=False)
    console.print(_numbers(comparison))
    difference = comparison.difference
    names = (comparison.before, comparison.after)
    for name, chosen in dict(zip(names, comparison.selections, strict=True)).items():
        if chosen:
            console.print(
                f"{name}: {chosen}, so that its numbers here may be too high",
                soft_wrap=True,
                markup=False,
            )
    verdict = "clear" if comparison.is_clear else "not clear: the interval holds 0"
    if difference.low is None:
        verdict = "not clear"
    test = f"McNemar p = {comparison.p_value:.2g}"
    if comparison.is_grouped:
        test += ", which takes near copies for independent"
    console.print(
        f"{100 * difference.value:+.1f} points of right clips"
        f" ({wording.points(difference)}; {test}): {verdict}",
        soft_wrap=True,
    )
    won = [(change, change.before) for change in comparison.won]
    lost = [(change, change.after) for change in comparison.lost]
    for word, changes in (("won", won), ("lost", lost)):
        console.print(f"{wording.count(len(changes), 'clip')} {word}", style="bold")
        for change, wrong in changes[:NUM_SHOWN]:
            line = Text(
                display.one_line(f"  {change.clip}  {', '.join(change.labels)}, taken for {wrong}")
            )
            console.print(line, soft_wrap=True)
        if len(changes) > NUM_SHOWN:
            console.print(f"  and {len(changes) - NUM_SHOWN} others; --json and --html tell more")


def _numbers(comparison: Comparison) -> Table:
    from rich.table import Table

    from actionclip.evaluation import wording

    table = Table(title=wording.count(comparison.num_clips, "clip"))
    table.add_column("")
    for name in (comparison.before, comparison.after, "difference"):
        table.add_column(display.markup(name), justify="right")
    for name, (one, other) in comparison.metrics.items():
        cells = (
            f"{wording.percent(interval.value, chosen)}\n{wording.around(interval)}"
            for interval, chosen in zip((one, other), comparison.selections, strict=True)
        )
        table.add_row(wording.METRICS[name], *cells, f"{100 * (other.value - one.value):+.1f}")
    return table
