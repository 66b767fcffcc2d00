"""The tables of the paper: the variants of a recipe that each of them compares.

The paper's figures are of Kinetics-400 with ViT-B/32 and 8 frames, top-1 of one view: 78.36 is in
the official repository; differences and words are as citing work reports them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from actionclip.text import prompts


@dataclass(frozen=True)
class Variant:
    """A row of a table."""

    name: str
    changes: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Keys of the recipe's sections."""
    paper: str = ""
    """The result of the paper, or of its code."""
    remark: str = ""
    needs_patches: bool = False
    """Of the vision tower."""


@dataclass(frozen=True)
class Table:
    """A table of the paper."""

    title: str
    place: str
    variants: Sequence[Variant]


def _random(name: str, paper: str, *towers: str) -> Variant:
    return Variant(name, {"model": {"random_towers": list(towers)}}, paper)


def _templates(name: str, templates: Sequence[str], paper: str = "") -> Variant:
    return Variant(name, {"prompts": {"templates": list(templates)}}, paper)


def _by_kind(kind: str) -> Variant:
    chosen = [template for template in prompts.PAPER if prompts.kind(template) == kind]
    return _templates(f"{kind} only ({len(chosen)})", chosen)


def _head(name: str, paper: str = "", remark: str = "") -> Variant:
    return Variant(name, {"model": {"temporal_head": name}}, paper, remark)


def _visual_prompt(name: str, paper: str) -> Variant:
    changes = {"model": {"temporal_head": "mean", name: True}}
    return Variant(name, changes, paper, needs_patches=True)


TABLES = {
    "objective": Table(
        "Unimodal against multimodal",
        "table 1",
        (
            Variant("unimodal: one-hot labels", {"loss": {"kind": "classifier"}}, "2 to 3 lower"),
            Variant(
                "multimodal: one text a clip is right",
                {"loss": {"kind": "one-hot"}},
                remark="CLIP's own loss, for comparison",
            ),
            Variant("multimodal: KL, all texts of the label", paper="78.36"),
        ),
    ),
    "initialisation": Table(
        "What pretraining is worth",
        "table 2",
        (
            Variant("vision and text pretrained", paper="78.36"),
            _random("text at random", "about equal", "text"),
            _random("vision at random", "far lower", "vision"),
            _random("both at random", "far lower", "vision", "text"),
        ),
    ),
    "textual-prompts": Table(
        "Sentences around the label",
        "textual prompts",
        (
            _templates("none: the label alone", prompts.BARE, "a little lower"),
            *map(_by_kind, ("prefix", "cloze", "suffix")),
            _templates(f"all {len(prompts.PAPER)}", prompts.PAPER, "78.36"),
        ),
    ),
    "visual-prompts": Table(
        "How frames are joined",
        "visual prompts",
        (
            *(
                _head(head, "78.36, chosen as best" if head == "transformer" else "")
                for head in ("mean", "conv", "lstm", "transformer", "transformer_cls")
            ),
            _head("motion", remark="not in the paper"),
            _visual_prompt("joint", "2.74 below mean"),
            _visual_prompt("shift", "5.38 below mean"),
        ),
    ),
}
