"""An experiment of the paper by its name: data and a model become a table or a figure in a folder.

The front of this package.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from actionclip import atomic_write
from actionclip.data import reading
from actionclip.evaluation import report
from actionclip.experiments import catalogue, few_shot, results, shots, trial
from actionclip.experiments.results import Provenance, Row
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import suggestion
from actionclip.training.recipe import Data, Recipe

_CURVES = {
    "shots": ("A few clips of new labels (figure 3)", shots.run),
    "few-shot": ("A few clips of every label", few_shot.run),
}
OF_THE_PAPER = (*catalogue.TABLES, "shots")
NAMES = (*catalogue.TABLES, *_CURVES)

Watch = Callable[[int, int], None]


def run(
    name: str,
    data: Path,
    model: str,
    output: Path,
    *,
    epochs: int,
    num_seeds: int = 3,
    device: str | None = None,
    has_gpu: bool = False,
    command: str = "",
    on_trial: Watch = lambda done, total: None,
) -> Path:
    """Run an experiment; trials that were measured before are looked up.

    Args:
        name: one of `NAMES`.
        data: anything that `reading.read` takes.
        model: what all variants start from.
        output: a folder; NAME.md, NAME.json and perhaps NAME.png go there, trials below it.
        epochs: of every trial.
        num_seeds: of every variant: 0, 1, …
        device: cpu or cuda.
        has_gpu: whether towers can be trained.
        command: how to get the same again.
        on_trial: told how many trials are done, and of how many.

    Returns:
        The Markdown file.

    Raises:
        FileNotFoundError: there is no such data or model.
        ValueError: no experiment has this name, or data or model are not as they should be.
    """
    if name not in NAMES:
        raise ValueError(f"no experiment is called {name!r}; there are {', '.join(NAMES)}")
    recipe = _recipe(data, model, epochs, has_gpu=has_gpu)
    output.mkdir(parents=True, exist_ok=True)
    trials = output / "trials" / name
    annotations = reading.read(data)
    splits = ", ".join(f"{count} in {split}" for split, count in annotations.splits.items())
    provenance = Provenance(
        command=f"`{command}`",
        date=datetime.now(UTC).date().isoformat(),
        data=f"{data.name}: {len(annotations.labels)} labels; clips: {splits}",
        model=f"{model}; {_moving(recipe)}; {recipe.model.temporal_head} head unless said; "
        f"{epochs} epochs, batches of {recipe.optim.batch_size}, weights of the last epoch",
        seeds=", ".join(str(seed) for seed in range(num_seeds)),
        machine="; ".join(f"{key} {value}" for key, value in report.describe_machine().items()),
    )
    if name in _CURVES:
        title, run_trials = _CURVES[name]
        points = run_trials(recipe, num_seeds, trials, device=device, on_trial=on_trial)
        atomic_write.write(output / f"{name}.png", results.draw(points))
        text = results.figure(title, points, f"{name}.png", provenance)
        document = [dataclasses.asdict(point) for point in points]
    else:
        table = catalogue.TABLES[name]
        rows = _rows(table, recipe, trials, num_seeds, device, on_trial)
        text = results.table(table.title, table.place, rows, provenance)
        document = [dataclasses.asdict(row) for row in rows]
    told = {"experiment": name, **dataclasses.asdict(provenance), "results": document}
    atomic_write.write(output / f"{name}.json", json.dumps(told, indent=1).encode())
    atomic_write.write(output / f"{name}.md", text.encode())
    return output / f"{name}.md"


def _rows(
    table: catalogue.Experiment,
    recipe: Recipe,
    folder: Path,
    num_seeds: int,
    device: str | None,
    on_trial: Watch,
) -> list[Row]:
    encoder = ActionCLIP.load(recipe.model.start).config.encoder
    variants = table.variants(recipe, encoder != "lite")
    total = num_seeds * sum(variant.recipe is not None for variant in variants)
    rows, done = [], 0
    on_trial(done, total)
    for number, variant in enumerate(variants):
        top1, selections = [], dict[str, None]()
        for seed in range(num_seeds if variant.recipe else 0):
            assert variant.recipe is not None
            seeded = trial.changed(variant.recipe, seed=seed)
            place = folder / f"{number}-{variant.name.split(':')[0].replace(' ', '-')}"
            report = trial.run(seeded, place / f"seed-{seed}", device=device)
            top1.append(report.metrics["top1"].value)
            selections |= dict.fromkeys(filter(None, [report.selection]))
            done += 1
            on_trial(done, total)
        remark = "; ".join(filter(None, [variant.remark, *selections]))
        rows.append(Row(variant.name, variant.paper, top1, remark))
    return rows


def _recipe(data: Path, model: str, epochs: int, *, has_gpu: bool) -> Recipe:
    """Give what is chosen for such data, with one view of each clip and so many epochs."""
    chosen = suggestion.suggest(Data(path=str(data)), model, has_gpu=has_gpu)
    document = chosen.model_dump(exclude_unset=True)
    document["optim"] |= {"epochs": epochs, "warmup_epochs": epochs / 20}
    document.setdefault("computing", {})["trackers"] = []
    if chosen.data.cached_views:
        document["data"]["cached_views"] = 1
    return Recipe.model_validate(document)


def _moving(recipe: Recipe) -> str:
    return "towers frozen" if recipe.weights.freeze else "towers trained"
