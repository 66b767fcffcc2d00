"""What a report says, in words: names of metrics, percentages, and where the numbers come from.

Every form of a report (terminal, Markdown, page) says it in the same way.
"""

from __future__ import annotations

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


def percent(share: float, selection: str = "") -> str:
    """Write a share of 0…1, and beside it what its clips chose of the model, if anything."""
    return f"{100 * share:.1f} %" + (f" ({selection})" if selection else "")


def around(interval: Interval) -> str:
    """Write where a number may lie."""
    if interval.low is None or interval.high is None:
        return "none: too few groups"
    return f"{100 * interval.low:.1f} – {100 * interval.high:.1f} %"


def points(interval: Interval) -> str:
    """Write where a difference may lie, in points of a hundred."""
    if interval.low is None or interval.high is None:
        return "no interval: too few groups"
    return f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def too_few_groups(report: Report) -> str:
    """Say why a report has numbers without intervals; empty if it has none."""
    if all(one.low is not None for one in report.metrics.values()):
        return ""
    groups = len({clip.group for clip in report.clips})
    return (
        "where there is no interval: the clips of this number are of too few groups (people, "
        f"recordings or videos; {groups} in all); an interval needs {MIN_GROUPS} of similar size"
    )


def count(number: int, noun: str) -> str:
    """Write a number of things; the noun in the singular."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def summary(report: Report) -> str:
    """Say in a line what was asked of how much."""
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
    """Say where the numbers come from: all that is needed to get them again."""
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
