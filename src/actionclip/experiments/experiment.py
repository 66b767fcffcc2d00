"""An experiment by its name: data and a model become a table or a figure of the paper."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

from actionclip import atomic_write
from actionclip.data import reading
from actionclip.evaluation import report
from actionclip.experiments import few_shot, results, trial
from actionclip.experiments.few_shot import OnTrial
from actionclip.experiments.results import Row
from actionclip.experiments.tables import TABLES, Table
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import data as training_data
from actionclip.training.recipe import Data, Recipe

_CURVES = {
    "shots": ("A few clips of new labels (figure 3)", few_shot.new_labels),
    "few-shot": ("A few clips of every label", few_shot.every_label),
}
OF_THE_PAPER = (*TABLES, "shots")
NAMES = (*TABLES, *_CURVES)


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
    on_trial: OnTrial = lambda done, total: None,
) -> Path:
    """Run an experiment; trials that were measured before are read from their folders.

    Args:
        name: one of `NAMES`.
        data: anything that `reading.read` takes.
        model: the start of all variants.
        output: a folder; NAME.md, NAME.json and perhaps NAME.png go there, trials below it.
        epochs: of every trial.
        num_seeds: of every variant: 0, 1, …
        device: cpu or cuda.
        has_gpu: whether towers can be trained.
        command: that repeats the experiment.
        on_trial: called after every trial.

    Returns:
        The Markdown file.

    Raises:
        FileNotFoundError: data or model do not exist.
        ValueError: no experiment has this name, or data or model cannot be used.
    """
    if name not in NAMES:
        raise ValueError(f"no experiment is called {name!r}; there are {', '.join(NAMES)}")
    recipe = _recipe(data, model, epochs, has_gpu=has_gpu)
    output.mkdir(parents=True, exist_ok=True)
    trials = output / "trials" / name
    annotations = reading.read(data)
    splits = ", ".join(f"{count} in {split}" for split, count in annotations.splits.items())
    towers = "towers frozen" if recipe.weights.freeze else "towers trained"
    provenance = {
        "command": f"`{command}`",
        "date": datetime.now(UTC).date().isoformat(),
        "data": f"{data.name}: {len(annotations.labels)} labels; clips: {splits}",
        "model": f"{model}; {towers}; {recipe.model.temporal_head} head unless said; "
        f"{epochs} epochs, batches of {recipe.optim.batch_size}, weights of the last epoch",
        "seeds": ", ".join(str(seed) for seed in range(num_seeds)),
        "machine": "; ".join(f"{key} {value}" for key, value in report.describe_machine().items()),
    }
    if name in _CURVES:
        title, run_trials = _CURVES[name]
        points = run_trials(recipe, num_seeds, trials, device=device, on_trial=on_trial)
        atomic_write.write(output / f"{name}.png", results.draw(points))
        text = results.figure(title, points, f"{name}.png", provenance)
        found = [dataclasses.asdict(point) for point in points]
    else:
        table = TABLES[name]
        rows = _rows(table, recipe, num_seeds, trials, device=device, on_trial=on_trial)
        text = results.table(table.title, table.place, rows, provenance)
        found = [dataclasses.asdict(row) for row in rows]
    document = {"experiment": name, **provenance, "results": found}
    atomic_write.write(output / f"{name}.json", json.dumps(document, indent=1).encode())
    atomic_write.write(output / f"{name}.md", text.encode())
    return output / f"{name}.md"


def _rows(
    table: Table,
    recipe: Recipe,
    num_seeds: int,
    folder: Path,
    *,
    device: str | None,
    on_trial: OnTrial,
) -> list[Row]:
    has_patches = ActionCLIP.load(recipe.model.start).config.encoder != "lite"
    possible = [has_patches or not variant.needs_patches for variant in table.variants]
    total, done = num_seeds * sum(possible), 0
    rows = []
    on_trial(done, total)
    for number, variant in enumerate(table.variants):
        if not possible[number]:
            rows.append(Row(variant.name, variant.paper, [], "needs a tower with patches"))
            continue
        place = folder / f"{number}-{variant.name.split(':')[0].replace(' ', '-')}"
        changed = trial.change(recipe, **variant.changes)
        top1, remarks = [], dict.fromkeys(filter(None, [variant.remark]))
        for seed in range(num_seeds):
            seeded = trial.change(changed, computing={"seed": seed})
            report = trial.run(seeded, place / f"seed-{seed}", device=device)
            top1.append(report.metrics["top1"].value)
            remarks |= dict.fromkeys(filter(None, [report.selection]))
            done += 1
            on_trial(done, total)
        rows.append(Row(variant.name, variant.paper, top1, "; ".join(remarks)))
    return rows


def _recipe(data: Path, model: str, epochs: int, *, has_gpu: bool) -> Recipe:
    """Choose a recipe for the data, with one view of each clip."""
    chosen = training_data.suggest(Data(path=str(data)), model, has_gpu=has_gpu)
    views = {"cached_views": 1} if chosen.data.cached_views else {}
    return trial.change(
        chosen,
        optim={"epochs": epochs, "warmup_epochs": epochs / 20},
        computing={"trackers": []},
        data=views,
    )
