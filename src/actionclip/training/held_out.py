"""Held-out clips: they test the weights of each epoch, calibrate checkpoints and test mixtures.

Fine-tuning loses some of what the start could do with other labels. A mixture of the starting and
the trained weights often keeps nearly all of both (Wortsman et al. 2022).

Shapes:
    V: held-out clips   K: templates   N: labels   D: shared width
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from jaxtyping import Float
from torch import Tensor

from actionclip.core import scoring
from actionclip.data.annotations import Annotations
from actionclip.evaluation import calibration as fitting
from actionclip.evaluation import metrics
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Calibration
from actionclip.text import prompts
from actionclip.training import optim
from actionclip.training import run as runs
from actionclip.training.checkpoints import CheckpointManager, Row
from actionclip.training.objectives import Clips, Contrastive, Objective, frame_features
from actionclip.training.run import Run
from actionclip.training.sources import Source, Videos

Metrics = dict[str, float]
"""0…1; the first one selects the checkpoint: top1 (and perhaps top5), or map."""


def test(run: Run) -> Metrics:
    """Measure the weights of a run on its held-out clips."""
    with run.using(run.tested):
        run.objective.eval()
        embeddings = runs.embed_labels(run.model, run.texts)
        return measure(
            run.accelerator, run.objective, run.held_out, embeddings, exclusive=run.exclusive
        )


def measure(
    accelerator: Accelerator,
    objective: Objective,
    source: Source,
    label_embeddings: Float[Tensor, "K N D"],
    *,
    exclusive: bool,
) -> Metrics:
    """Score every clip of a source that can be read, and compare with its labels.

    Args:
        accelerator: of the run.
        objective: scores.
        source: of the clips.
        label_embeddings: every label in every template.
        exclusive: whether each clip has one label.
    """
    objective.eval()
    indices, scores = map_clips(
        accelerator,
        source,
        lambda clips: objective.scores(clips, label_embeddings, exclusive=exclusive),
    )
    annotations = source.annotations
    labels = [annotations.label_indices(annotations.examples[index]) for index in indices]
    measured = metrics.headline(scores, labels, exclusive=exclusive)
    if scores.shape[1] <= 5:
        measured.pop("top5", None)  # it is 1 by definition
    return measured


@torch.inference_mode()
def map_clips(
    accelerator: Accelerator, source: Source, function: Callable[[Clips], Tensor]
) -> tuple[list[int], Float[Tensor, "V ..."]]:
    """Apply a function to the clips of a source that can be read, each process to its share.

    Returns:
        The indices of all clips, and a row of the results for each, on the CPU.
    """
    num_clips = len(source.annotations.examples)
    mine = range(accelerator.process_index, num_clips, accelerator.num_processes)
    results: list[tuple[int, Tensor]] = []
    for indices, clips in source.show(mine):
        rows = function(clips.to(accelerator.device, non_blocking=True))
        results += zip(indices, rows.float().cpu(), strict=True)
    everyone = sorted(gather_object(results), key=operator.itemgetter(0))
    return [index for index, _ in everyone], torch.stack([row for _, row in everyone])


def calibrate(run: Run, checkpoints: CheckpointManager) -> None:
    """Fit the calibration of both checkpoints, unless their scores are no probabilities."""
    if not run.can_be_calibrated:
        return
    for path in (checkpoints.best, checkpoints.last):
        model = ActionCLIP.load(path, device=run.accelerator.device)
        indices, embeddings = map_clips(
            run.accelerator,
            run.held_out,
            lambda clips, model=model: model.embed_frame_features(frame_features(model, clips)),
        )
        if run.accelerator.is_main_process:
            model.calibration = _fit(run, model, indices, embeddings)
            model.save(path)
        run.accelerator.wait_for_everyone()


@torch.inference_mode()
def _fit(
    run: Run, model: ActionCLIP, indices: list[int], embeddings: Float[Tensor, "V D"]
) -> Calibration:
    annotations = run.held_out.annotations
    templates = run.recipe.templates
    embeddings = embeddings.to(run.accelerator.device)

    def logits(labels: tuple[str, ...]) -> Float[Tensor, "V K N"]:
        texts = model.embed_texts(prompts.fill(templates, labels))
        texts = texts.unflatten(0, (len(templates), len(labels)))
        return scoring.logits(embeddings, texts, model.scale)

    truth = torch.tensor([annotations.label_indices(annotations.examples[i])[0] for i in indices])
    before = model.calibration
    label_logits = logits(annotations.labels).cpu()
    background = logits(before.background).mean(-1).cpu()
    temperature = fitting.fit_temperature(label_logits, truth)
    margin = fitting.fit_margin(label_logits, background, truth, temperature)
    scores, _ = scoring.with_none(label_logits, background, temperature=temperature, margin=margin)
    data = Path(run.recipe.data.path).name
    return Calibration(
        temperature,
        margin,
        before.background,
        before.threshold,
        fitting.fit_thresholds(scores, truth, annotations.labels),
        fitted_on=f"{len(truth)} clips of {data}, {run.held_out_source}",
    )


def interpolate(run: Run, checkpoints: CheckpointManager, zero_shot: Annotations | None) -> None:
    """Test start, best and mixtures; write a table of the scores, and the mixtures.

    Args:
        run: whose best checkpoint is mixed.
        checkpoints: of the run.
        zero_shot: clips of other labels, for scores with "zero_shot_" before their names.
    """
    recipe, accelerator = run.recipe, run.accelerator
    if not recipe.weights.interpolate and zero_shot is None:
        return
    model = runs.load_start(recipe).to(accelerator.device)
    model.task = run.model.task
    weights = _weights(model)
    start = optim.copy_weights(weights)
    end = _weights(ActionCLIP.load(checkpoints.best, device=accelerator.device))
    other = Videos(zero_shot, model, recipe) if zero_shot is not None else None
    rows: list[Row] = []

    def write(path: Path) -> None:
        model.save(path)
        run.write_selection(path, is_selected=True)

    for share in sorted({0.0, *recipe.weights.interpolate, 1.0}):
        optim.set_weights(weights, {n: torch.lerp(start[n], end[n], share) for n in end})
        row = {"share": share, **_test(run, model, run.held_out, run.exclusive)}
        if other is not None:
            metrics = _test(run, model, other, not other.annotations.is_multi_label)
            row |= {f"zero_shot_{name}": value for name, value in metrics.items()}
        rows.append(row)
        if accelerator.is_main_process:
            if share in recipe.weights.interpolate:
                checkpoints.replace(checkpoints.folder / f"mixed-{share:.2f}", write)
            checkpoints.write_table("interpolation.csv", rows)


def _test(run: Run, model: ActionCLIP, source: Source, exclusive: bool) -> Metrics:  # private
    texts = runs.tokenize(model, run.recipe, source.annotations)
    objective = Contrastive(model, test_scale=run.recipe.conventions.logit_scale)
    embeddings = runs.embed_labels(model, texts)
    return measure(run.accelerator, objective, source, embeddings, exclusive=exclusive)


def _weights(model: ActionCLIP) -> dict[str, Tensor]:
    return {name: w for name, w in model.state_dict().items() if w.is_floating_point()}
