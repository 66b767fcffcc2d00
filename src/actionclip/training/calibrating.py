"""After training: what a checkpoint's scores mean is fitted on held-out clips and written into it.

Shapes:
    B: held-out clips   K: templates   N: labels   D: shared width
"""

from __future__ import annotations

import operator
from pathlib import Path

import torch
from accelerate.utils import gather_object
from jaxtyping import Float
from torch import Tensor

from actionclip.core import scoring
from actionclip.evaluation import calibration as fitting
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.config import Calibration
from actionclip.text import prompts
from actionclip.training import objectives, prepare
from actionclip.training.run import Run
from actionclip.training.run_folder import RunFolder


def calibrate(run: Run, folder: RunFolder) -> None:
    """Fit both checkpoints of a run, unless their scores are no probabilities of words.

    Args:
        run: knows the held-out clips and the templates.
        folder: of the checkpoints.
    """
    if not run.can_be_calibrated:
        return
    for path in (folder.best, folder.last):
        model = ActionCLIP.load(path, device=run.accelerator.device)
        clips = _embed_clips(run, model)
        if run.accelerator.is_main_process:
            model.calibration = _fit(run, model, clips)
            model.save(path)
        run.accelerator.wait_for_everyone()


@torch.inference_mode()
def _embed_clips(run: Run, model: ActionCLIP) -> list[tuple[int, Tensor]]:
    """Embed the held-out clips, each process its share; return places and embeddings of all."""
    accelerator = run.accelerator
    found: list[tuple[int, Tensor]] = []
    num_clips = len(run.held_out.annotations.examples)
    mine = range(accelerator.process_index, num_clips, accelerator.num_processes)
    for places, clips in run.held_out.show(mine):
        features = objectives.frame_features_of(
            model, clips.to(accelerator.device, non_blocking=True)
        )
        found += zip(places, model.embed_frame_features(features).cpu(), strict=True)
    return sorted(gather_object(found), key=operator.itemgetter(0))


@torch.inference_mode()
def _fit(run: Run, model: ActionCLIP, clips: list[tuple[int, Tensor]]) -> Calibration:
    annotations = run.held_out.annotations
    templates = prepare.templates_of(run.recipe)

    def embed(words: tuple[str, ...]) -> Float[Tensor, "K N D"]:
        every = model.embed_texts(prompts.fill(templates, words))
        return every.unflatten(0, (len(templates), len(words)))

    clip_embeddings = torch.stack([embedding for _, embedding in clips])  # (B, D)
    clip_embeddings = clip_embeddings.to(run.accelerator.device)
    truth = torch.tensor([annotations.label_indices(annotations.examples[i])[0] for i, _ in clips])
    before = model.calibration
    scale = model.scale
    logits = scoring.logits(clip_embeddings, embed(annotations.labels), scale).cpu()  # (B, K, N)
    background = scoring.logits(clip_embeddings, embed(before.background), scale).mean(-1).cpu()
    temperature = fitting.fit_temperature(logits, truth)
    margin = fitting.fit_margin(logits, background, truth, temperature)
    scores, _ = scoring.with_none(logits, background, temperature=temperature, margin=margin)
    return Calibration(
        temperature,
        margin,
        before.background,
        before.threshold,
        fitting.fit_thresholds(scores, truth, annotations.labels),
        fitted_on=f"{len(truth)} clips of {Path(run.recipe.data.path).name}, {run.held_out_source}",
    )
