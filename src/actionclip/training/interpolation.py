"""Between start and end: mixtures of the weights are tested, on the data and on other labels.

Fine-tuning forgets what it is not asked for. A mixture of the starting and the trained weights
often keeps nearly all of both (Wortsman et al. 2022): the table says how much, and each mixture is
kept as a checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import torch

from actionclip.data import reading
from actionclip.data.annotations import Annotations
from actionclip.data.clips import Sampling
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import averaging, prepare, validation
from actionclip.training.objectives import Contrastive
from actionclip.training.recipe import Recipe
from actionclip.training.run import Run
from actionclip.training.run_folder import Row, RunFolder
from actionclip.training.sources import Source, Videos


def read_zero_shot(recipe: Recipe) -> Annotations | None:
    """Read the clips of the recipe's zero-shot data; None if it names none.

    Raises:
        FileNotFoundError: there is no such data.
        ValueError: something is wrong with it, or none of its clips is in test or val.
    """
    path = recipe.weights.zero_shot_data
    if path is None:
        return None
    annotations = reading.read(Path(path))
    if not annotations.splits.keys() & {"test", "val"}:
        raise ValueError(
            f"{path}: weights.zero_shot_data is tested on, but none of its clips is in test or val;"
            " put some there, or leave the key away"
        )
    return annotations.of_split("test" if "test" in annotations.splits else "val")


def compare(run: Run, folder: RunFolder, zero_shot: Annotations | None) -> list[Row]:
    """Test start, end and mixtures; also keep table and mixtures in the folder.

    Args:
        run: knows the held-out clips and the recipe.
        folder: of the run.
        zero_shot: the clips of `read_zero_shot`.

    Returns:
        A row for each share of the trained weights: what it reaches on the held-out clips, and
        with "zero_shot_" before it on the recipe's zero-shot data.
    """
    chosen = run.recipe.weights
    if not chosen.interpolate and zero_shot is None:
        return []
    model = prepare.load_start(run.recipe).to(run.accelerator.device)
    model.task = run.model.task
    start = _weights(model)
    end = _weights(ActionCLIP.load(folder.best, device=run.accelerator.device))
    other = _source(run, model, zero_shot) if zero_shot is not None else None
    rows: list[Row] = []

    def write(path: Path) -> None:
        model.save(path)
        run.write_selection(path, is_selected=True)

    for share in sorted({0.0, *chosen.interpolate, 1.0}):
        averaging.put(averaging.mix(start, end, share), _weights(model))
        row = {"share": share, **_test(run, model, run.held_out, exclusive=run.exclusive)}
        if other is not None:
            exclusive = not other.annotations.is_multi_label
            metrics = _test(run, model, other, exclusive=exclusive)
            row |= {f"zero_shot_{name}": value for name, value in metrics.items()}
        rows.append(row)
        if run.accelerator.is_main_process:
            if share in chosen.interpolate:
                folder.save(folder.path / f"mixed-{share:.2f}", write)
            folder.write_table("interpolation.csv", rows)
    return rows


def _source(run: Run, model: ActionCLIP, annotations: Annotations) -> Source:
    recipe = run.recipe
    return Videos(
        annotations,
        Sampling(model.config.num_frames, recipe.data.sampling),
        model.encoder.short_side,
        model.encoder.image_size,
        recipe.data,
        recipe.conventions,
    )


def _test(run: Run, model: ActionCLIP, source: Source, *, exclusive: bool) -> validation.Metrics:
    texts = prepare.tokenize(model, run.recipe, source.annotations)
    return validation.measure(
        run.accelerator,
        Contrastive(model, "exact", test_scale=run.recipe.conventions.logit_scale),
        source,
        validation.embed_labels(model, texts),
        exclusive=exclusive,
    )


def _weights(model: ActionCLIP) -> dict[str, torch.Tensor]:
    return {name: w for name, w in model.state_dict().items() if w.is_floating_point()}
