"""A report in words, the same on the terminal and on pages; and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from actionclip.evaluation.intervals import MIN_GROUPS, Interval
from actionclip.evaluation.report import Report

METRICS = {
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "map": "mean average precision",
    "mean_per_label": "mean accuracy per label",
    "calibration_error": "calibration error",
    "top1_seen": "top-1, labels seen in training",
    "top1_unseen": "top-1, labels new to the model",
    "harmonic_mean": "harmonic mean of seen and new",
}
NUM_CONFUSED = 10


def percent(share: float, selection: str = "") -> str:
    """Return a share of 0…1 in percent, and beside it what its clips selected of the model."""
    return f"{100 * share:.1f} %" + (f" ({selection})" if selection else "")


def around(interval: Interval) -> str:
    """Return the ends of an interval in percent."""
    if interval.low is None or interval.high is None:
        return "none: too few groups"
    return f"{100 * interval.low:.1f} – {100 * interval.high:.1f} %"


def points(interval: Interval) -> str:
    """Return the ends of a difference's interval in percentage points."""
    if interval.low is None or interval.high is None:
        return "no interval: too few groups"
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def too_few_groups(report: Report) -> str:
    """Return why a report has numbers without intervals; empty if it has none."""
    if all(one.low is not None for one in report.metrics.values()):
        return ""
    groups = len({clip.group for clip in report.clips})
    return (
        "where there is no interval: the clips of this number are of too few groups (people, "
        f"recordings or videos; {groups} in all); an interval needs {MIN_GROUPS} of similar size"
    )


def count(number: int, noun: str) -> str:
    """Return a number with its noun, given in the singular."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def summary(report: Report) -> str:
    """Return a line with the protocol and the size of the evaluation."""
    setting = report.setting
    views = setting.num_windows * setting.num_crops
    return " · ".join(
        (
            setting.protocol,
            count(len(report.clips), "clip"),
            count(len(report.labels), "label"),
            count(len(setting.templates), "template"),
            count(views, "view") + " of each clip",
            *(["like the official code"] if setting.like == "official" else []),
        )
    )


def facts(report: Report) -> dict[str, str]:
    """Return all that is needed to get the numbers again."""
    setting = report.setting
    return {
        "command": setting.command,
        "protocol": setting.protocol,
        "data": f"{setting.data}, split {setting.split}, {count(len(report.clips), 'clip')}",
        "split hash": report.split_hash,
        "model": setting.model,
        "weights": setting.fingerprint,
        "templates": " | ".join(setting.templates) or "none",
        "views": f"{setting.num_windows} × {setting.num_crops} (windows × crops)",
        "conventions": setting.like,
        "seed": str(setting.seed),
        **setting.machine,
        "version": f"actionclip {report.version}",
        "date": report.date,
    }


def to_markdown(report: Report) -> str:
    """Return the report as Markdown, with one table for each question."""
    setting, selection = report.setting, report.selection
    parts = [f"# {_escape(setting.model)} on {_escape(setting.data)}", summary(report)]
    if reason := too_few_groups(report):
        parts.append(reason)
    parts += _table(
        ("metric", "value", "95 % interval"),
        (
            (METRICS[name], percent(one.value, selection), around(one))
            for name, one in report.telling_metrics.items()
        ),
    )
    if report.spread:
        rows = (
            (METRICS[name], percent(mean, selection), percent(deviation))
            for name, (mean, deviation) in report.spread.items()
        )
        parts += [f"## Over {len(report.draws)} draws"]
        parts += _table(("metric", "mean", "standard deviation"), rows)
    if report.confused:
        parts += ["## Taken for another"]
        parts += _table(("label", "taken for", "clips"), report.confused[:NUM_CONFUSED])
    parts += ["## Labels"]
    parts += _table(
        ("label", "clips", "average precision" if report.is_multi_label else "accuracy", ""),
        (
            (one.label, one.num_clips, percent(one.estimate.value, selection), around(one.estimate))
            for one in report.label_results
            if one.estimate
        ),
    )
    if seen := report.seen_labels:
        parts += [f"## Labels seen in training: {len(seen)} of {len(report.labels)}"]
        parts += [", ".join(map(_escape, seen))]
    if report.left_out:
        parts += [f"## Clips that could not be read: {len(report.left_out)}"]
        parts += _table(("clip", "reason"), report.left_out.items())
    parts += ["## Where the numbers come from"]
    parts += _table(("", ""), facts(report).items())
    return "\n\n".join(parts) + "\n"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a table as the only item of a list."""
    lines = [head, ["---"] * len(head), *rows]
    return ["\n".join(f"| {' | '.join(_escape(str(cell)) for cell in line)} |" for line in lines)]


def _escape(text: str) -> str:
    """Keep a text from being read as Markdown or HTML."""
    for sign in "\\|*_`<[":
        text = text.replace(sign, f"\\{sign}")
    return text
