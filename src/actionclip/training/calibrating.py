"""After training: what a checkpoint's scores mean is fitted on held-out clips and written into it.

Shapes:
    B: held-out clips   K: templates   N: labels   D: shared width
"""

from __future__ import annotations

from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor

from actionclip.core import scoring
from actionclip.evaluation import calibration as fitting
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.calibration import Calibration
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
    is_possible = run.exclusive and run.recipe.loss.kind != "classifier"
    if not (is_possible and run.accelerator.is_main_process):
        return
    for path in (folder.best, folder.last):
        model = ActionCLIP.load(path, device=run.accelerator.device)
        model.calibration = _fit(run, model)
        model.save(path)


@torch.inference_mode()
def _fit(run: Run, model: ActionCLIP) -> Calibration:
    annotations = run.held_out.annotations
    templates = prepare.templates_of(run.recipe)

    def embed(words: tuple[str, ...]) -> Float[Tensor, "K N D"]:
        every = model.embed_texts(prompts.fill(templates, words))
        return every.unflatten(0, (len(templates), len(words)))

    places, embeddings = [], []
    for found, clips in run.held_out.show(range(len(annotations.examples))):
        features = objectives.frame_features_of(model, clips.to(run.accelerator.device))
        embeddings.append(model.embed_frame_features(features))
        places += found
    clip_embeddings = torch.cat(embeddings)  # (B, D)
    truth = torch.tensor([annotations.label_indices(annotations.examples[i])[0] for i in places])
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
        fitted_on=f"{len(truth)} held-out clips of {Path(run.recipe.data.path).name}",
    )
