"""The words of `classes.tsv` and the names of actions become the vectors that `LiteEncoder` reads.

Run it after changing the words: `python benchmarks/lite_embeddings.py ACTIONS.txt`, with one name
of an action a line; the stored vectors were made with the 400 of Kinetics. Done once and stored,
because two thousand texts take longer than a first answer may. Why names and phrases are mixed as
they are, and what else was tried, is in `docs/log.md`.

Shapes:
    C: ImageNet classes   N: texts   D: width
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import safetensors.torch
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from actionclip.model.encoders import lite_data
from actionclip.model.encoders.lite import LiteEncoder

PHRASE_SHARE = 0.7
"""How much of a class is what people do with it; the rest is its name."""
WHITENING_POWER = 0.25
"""0 leaves the space as it is; 0.5 makes the classes vary alike in all directions."""

_FOLDER = Path(lite_data.__file__).parent


def embed(encoder: LiteEncoder, action_names: Sequence[str]) -> dict[str, Tensor]:
    """Embed the classes, and find what takes texts to their space.

    Args:
        encoder: gives its text tower.
        action_names: many and various; their mean is what all names of actions share.
    """
    names, phrases = _read_classes()
    distinct = sorted({phrase for of_class in phrases for phrase in of_class})
    vectors = dict(zip(distinct, _sentences(encoder, distinct), strict=True))
    by_phrase = torch.stack(
        [torch.stack([vectors[phrase] for phrase in of_class]).mean(dim=0) for of_class in phrases]
    )  # (C, D)
    by_name = _sentences(encoder, [f"a person with a {name}" for name in names])
    classes = PHRASE_SHARE * _centered(by_phrase) + (1 - PHRASE_SHARE) * _centered(by_name)
    whitening = _whitening(classes)
    return {
        "class_features": classes @ whitening,
        "text_center": _sentences(encoder, action_names).mean(dim=0),
        "text_projection": whitening,
    }


def _read_classes() -> tuple[list[str], list[list[str]]]:
    """Read the names of the classes, and the phrases of each."""
    lines = (_FOLDER / "classes.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    return [name for _, name, _ in rows], [phrases.split(" | ") for _, _, phrases in rows]


@torch.inference_mode()
def _sentences(encoder: LiteEncoder, texts: Sequence[str]) -> Float[Tensor, "N D"]:
    """Encode texts as MiniLM has them, of length one."""
    batches = [texts[start : start + 64] for start in range(0, len(texts), 64)]
    return torch.cat(
        [F.normalize(encoder.text_tower(encoder.tokenize(batch)), dim=-1) for batch in batches]
    )


def _centered(features: Float[Tensor, "C D"]) -> Float[Tensor, "C D"]:
    """Take the mean class from every class, and make what is left equally long."""
    return F.normalize(features - features.mean(dim=0), dim=-1)


def _whitening(features: Float[Tensor, "C D"]) -> Float[Tensor, "D D"]:
    """Shrink the directions in which the classes vary most: labels that lie there win too often."""
    centered = features - features.mean(dim=0)
    variances, directions = torch.linalg.eigh(centered.T @ centered / len(centered))
    factors = (variances + variances.mean()) ** -WHITENING_POWER
    return directions * (factors / factors.mean()) @ directions.T


if __name__ == "__main__":
    lines = Path(sys.argv[1]).read_text(encoding="utf-8").splitlines()
    action_names = [line for line in lines if line and not line.startswith("#")]
    words = embed(LiteEncoder.pretrained(), action_names)
    stored = {name: tensor.half().contiguous() for name, tensor in words.items()}
    safetensors.torch.save_file(stored, _FOLDER / "embeddings.safetensors")
