"""Do two ways say the same? Answers of the reference and of ours become one sentence.

Where the reference encoded only some of the prompts, to save time, ours stand in for the others;
how far the encoded ones differ is said too.

Shapes:
    V: videos   K: templates   N: labels   P: prompts   D: shared width
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor

from actionclip.core.scoring import Answer


def describe(reference: Path, ours: Path) -> str:
    """Compare what two runs of recognition.py wrote; the reference may have seen fewer videos."""
    theirs, own = (safetensors.torch.load_file(path) for path in (reference, ours))
    num_templates = len(own["labels"])
    prompts = own["labels"].flatten(0, 1)  # (P, D)
    cosines = (prompts[theirs["chosen"]] * theirs["prompts"]).sum(dim=-1)
    texts = f"prompts: cosine {cosines.min():.4f} or more"
    if "clips" not in theirs:
        return texts
    prompts[theirs["chosen"]] = theirs["prompts"]
    logits = own["logit_scale"] * theirs["clips"] @ prompts.T  # (V, P)
    scores = logits.unflatten(-1, (num_templates, -1)).softmax(dim=-1).mean(dim=1)  # (V, N)
    compared = own["scores"][: len(scores)]
    num_same = int((scores.argmax(dim=-1) == compared.argmax(dim=-1)).sum())
    apart = float((scores - compared).abs().max())
    num_labels = len(scores.argmax(dim=-1).unique())
    return (
        f"same best label in {num_same} of {len(scores)} clips ({num_labels} labels are best in "
        f"some), scores at most {apart:.4f} apart; {texts}"
    )


def scores_in_order(answers: Iterable[Answer], labels: Sequence[str]) -> Tensor:
    """Make a table, (V, N), of the scores that answers give to labels."""
    named = [{each.label: each.score for each in answer.predictions} for answer in answers]
    return torch.tensor([[of_video[label] for label in labels] for of_video in named])
