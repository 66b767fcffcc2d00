"""A report becomes Markdown: the numbers, what was confused, and where they come from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actionclip.evaluation import wording
from actionclip.evaluation.report import Report

NUM_CONFUSED = 10


def render(report: Report) -> str:
    """Write the report for people who read text, with one table for each question."""
    setting = report.setting
    parts = [
        f"# {_plain(setting.model)} on {_plain(setting.data)}",
        wording.summary(report),
        *filter(None, [wording.too_few_groups(report)]),
        _table(
            ("metric", "value", "95 % interval"),
            (
                (wording.METRICS[name], wording.percent(one.value, report.selection),
                 wording.around(one))
                for name, one in report.telling_metrics.items()
            ),
        ),
        *_draws(report),
        *_confused(report),
        "## Labels",
        _table(
            ("label", "clips", "average precision" if report.is_multi_label else "accuracy", ""),
            (
                (one.label, one.num_clips, wording.percent(one.estimate.value, report.selection),
                 wording.around(one.estimate))
                for one in report.label_results
                if one.estimate
            ),
        ),
        *_seen(report),
        *_left_out(report),
        "## Where the numbers come from",
        _table(("", ""), wording.facts(report).items()),
    ]  # fmt: skip
    return "\n\n".join(parts) + "\n"


def _draws(report: Report) -> list[str]:
    if not report.spread:
        return []
    rows = (
        (
            wording.METRICS[name],
            wording.percent(mean, report.selection),
            wording.percent(deviation),
        )
        for name, (mean, deviation) in report.spread.items()
    )
    return [
        f"## Over {len(report.draws)} draws",
        _table(("metric", "mean", "standard deviation"), rows),
    ]


def _confused(report: Report) -> list[str]:
    if not report.confused:
        return []
    return [
        "## Taken for another",
        _table(("label", "taken for", "clips"), report.confused[:NUM_CONFUSED]),
    ]


def _seen(report: Report) -> list[str]:
    if not report.seen_labels:
        return []
    seen = ", ".join(map(_plain, report.seen_labels))
    return [f"## Labels seen in training: {len(report.seen_labels)} of {len(report.labels)}", seen]


def _left_out(report: Report) -> list[str]:
    if not report.left_out:
        return []
    return [
        f"## Clips that could not be read: {len(report.left_out)}",
        _table(("clip", "reason"), report.left_out.items()),
    ]


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(_plain(str(cell)) for cell in line)} |" for line in lines)


def _plain(text: str) -> str:
    """Keep a text from being read as Markdown or HTML."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text
