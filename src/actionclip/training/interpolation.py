"""Between start and end: mixtures of the weights are tested, on the data and on other labels.

Fine-tuning forgets what it is not asked for. A mixture of the starting and the trained weights
often keeps nearly all of both (Wortsman et al. 2022): the table says how much, and each mixture is
kept as a checkpoint.
"""

from __future__ import annotations

from pathlib import Path

import torch

from actionclip.data import reading
from actionclip.data.clips import Sampling
from actionclip.model.actionclip import ActionCLIP
from actionclip.training import averaging, prepare, validation
from actionclip.training.objectives import Contrastive
from actionclip.training.run import Run
from actionclip.training.run_folder import Row, RunFolder
from actionclip.training.sources import Source, Videos


def compare(run: Run, folder: RunFolder) -> list[Row]:
    """Test start, end and mixtures; also keep table and mixtures in the folder.

    Returns:
        A row for each share of the trained weights: what it reaches on the held-out clips, and
        with "zero_shot_" before it on the recipe's zero-shot data.

    Raises:
        ValueError: the zero-shot data cannot be used.
    """
    chosen = run.recipe.weights
    if not (chosen.interpolate or chosen.zero_shot_data):
        return []
    model = prepare.load_start(run.recipe).to(run.accelerator.device)
    model.task = run.model.task
    start = _weights(model)
    end = _weights(ActionCLIP.load(folder.best, device=run.accelerator.device))
    other = _zero_shot_source(run, model) if chosen.zero_shot_data else None
    rows: list[Row] = []

    def write(path: Path) -> None:
        model.save(path)
        run.write_selection(path, is_selected=True)

    for share in sorted({0.0, *chosen.interpolate, 1.0}):
        averaging.put(averaging.mix(start, end, share), _weights(model))
        row = {"share": share, **_test(run, model, run.held_out, exclusive=run.exclusive)}
        if other is not None:
            exclusive = not other.annotations.is_multi_label
            zero_shot = _test(run, model, other, exclusive=exclusive)
            row |= {f"zero_shot_{name}": value for name, value in zero_shot.items()}
        rows.append(row)
        if run.accelerator.is_main_process:
            if share in chosen.interpolate:
                folder.save(folder.path / f"mixed-{share:.2f}", write)
            folder.write_table("interpolation.csv", rows)
    return rows


def _zero_shot_source(run: Run, model: ActionCLIP) -> Source:
    recipe = run.recipe
    annotations = reading.read(Path(recipe.weights.zero_shot_data or ""))
    held_out = annotations.of_split("test" if "test" in annotations.splits else "val")
    sampling = Sampling(model.config.num_frames, recipe.data.sampling)
    return Videos(
        held_out,
        sampling,
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
