"""The tables of the paper: a recipe becomes the variants of it that a table compares.

Knows no results. The paper's figures are of Kinetics-400 with ViT-B/32 and 8 frames, top-1 of one
view: 78.36 is in the official repository; differences and words are as citing work reports them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from actionclip.text import prompts
from actionclip.training.recipe import Recipe


@dataclass(frozen=True)
class Variant:
    """A row of a table."""

    name: str
    recipe: Recipe | None
    """None where the model cannot do it."""
    paper: str
    """What the paper, or its code, got; or nothing."""
    remark: str = ""


@dataclass(frozen=True)
class Experiment:
    """A table."""

    name: str
    title: str
    place: str
    """In the paper."""
    variants: Callable[[Recipe, bool], Sequence[Variant]]
    """Of a recipe; and whether its model has patches, which some visual prompts act on."""


def _objectives(recipe: Recipe, has_patches: bool) -> list[Variant]:
    return [
        Variant(
            "unimodal: one-hot labels", _with(recipe, loss={"kind": "classifier"}), "2 to 3 lower"
        ),
        Variant(
            "multimodal: one text a clip is right",
            _with(recipe, loss={"kind": "one-hot"}),
            "",
            "CLIP's own loss, for comparison",
        ),
        Variant("multimodal: KL, all texts of the label", recipe, "78.36"),
    ]


def _initialisations(recipe: Recipe, has_patches: bool) -> list[Variant]:
    def forgetting(*towers: str) -> Recipe:
        return _with(recipe, model={"random_towers": list(towers)})

    return [
        Variant("vision and text pretrained", recipe, "78.36"),
        Variant("text at random", forgetting("text"), "about equal"),
        Variant("vision at random", forgetting("vision"), "far lower"),
        Variant("both at random", forgetting("vision", "text"), "far lower"),
    ]


def _textual_prompts(recipe: Recipe, has_patches: bool) -> list[Variant]:
    def saying(templates: Sequence[str]) -> Recipe:
        return _with(recipe, prompts={"templates": list(templates)})

    rows = [Variant("none: the label alone", saying(prompts.BARE), "a little lower")]
    for kind in ("prefix", "cloze", "suffix"):
        chosen = [template for template in prompts.PAPER if prompts.kind(template) == kind]
        rows.append(Variant(f"{kind} only ({len(chosen)})", saying(chosen), ""))
    rows.append(Variant(f"all {len(prompts.PAPER)}", saying(prompts.PAPER), "78.36"))
    return rows


def _visual_prompts(recipe: Recipe, has_patches: bool) -> list[Variant]:
    told = {"transformer": "78.36, chosen as best"}
    rows = [
        Variant(head, _with(recipe, model={"temporal_head": head}), told.get(head, ""), remark)
        for head, remark in (
            *((head, "") for head in ("mean", "conv", "lstm", "transformer", "transformer_cls")),
            ("motion", "not in the paper"),
        )
    ]
    for prompt, difference in (("joint", "2.74 below mean"), ("shift", "5.38 below mean")):
        prompted = _with(recipe, model={"temporal_head": "mean", prompt: True})
        rows.append(
            Variant(prompt, prompted, difference)
            if has_patches
            else Variant(prompt, None, difference, "needs a tower with patches")
        )
    return rows


def _with(recipe: Recipe, **sections: dict[str, Any]) -> Recipe:
    """Give the recipe with other keys in some of its sections; the rest stays as it is."""
    document = recipe.model_dump(exclude_unset=True)
    for section, keys in sections.items():
        document[section] = {**document.get(section, {}), **keys}
    return Recipe.model_validate(document)


_ALL = (
    Experiment("objective", "Unimodal against multimodal", "table 1", _objectives),
    Experiment("initialisation", "What pretraining is worth", "table 2", _initialisations),
    Experiment(
        "textual-prompts", "Sentences around the label", "textual prompts", _textual_prompts
    ),
    Experiment("visual-prompts", "How frames are joined", "visual prompts", _visual_prompts),
)
TABLES = {table.name: table for table in _ALL}
