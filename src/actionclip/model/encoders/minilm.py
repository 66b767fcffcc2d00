"""MiniLM as a text tower: token ids go in, one sentence feature per text comes out.

The network is BERT with six layers of width 384 (Wang et al. 2020, fine-tuned for sentences by
Reimers and Gurevych 2019), written with torch's own layers: importing `transformers` takes longer
than everything else that a first prediction needs.

Shapes:
    N: texts   L: tokens, padded   D: width, 384
"""

from __future__ import annotations

import itertools

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

WIDTH = 384
MAX_TOKENS = 128
"""The length that the sentence weights were trained with."""

_NUM_LAYERS = 6
_VOCABULARY_SIZE = 30522
_NUM_POSITIONS = 512
_PADDING_ID = 0
_LAYER_NORM_EPS = 1e-12


class MiniLM(nn.Module):
    """Mean of the last layer's token features, padding left out."""

    def __init__(self) -> None:
        super().__init__()
        # Not drawn at random: weights come from a checkpoint, and drawing these takes a while.
        vectors = torch.zeros(_VOCABULARY_SIZE, WIDTH)
        self.token_embedding = nn.Embedding.from_pretrained(vectors, freeze=False)
        self.position_embedding = nn.Embedding(_NUM_POSITIONS, WIDTH)
        self.embedding_norm = nn.LayerNorm(WIDTH, _LAYER_NORM_EPS)
        layer = _ExactLayer(
            d_model=WIDTH,
            nhead=12,
            dim_feedforward=4 * WIDTH,
            activation="gelu",
            layer_norm_eps=_LAYER_NORM_EPS,
            batch_first=True,
        )
        self.layers = nn.TransformerEncoder(layer, _NUM_LAYERS, enable_nested_tensor=False)

    def forward(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Encode texts; how far they are padded makes no difference."""
        padding = token_ids == _PADDING_ID
        positions = torch.arange(token_ids.shape[1], device=token_ids.device)
        tokens = self.token_embedding(token_ids) + self.position_embedding(positions)
        tokens = self.layers(self.embedding_norm(tokens), src_key_padding_mask=padding)
        is_word = (~padding).unsqueeze(-1)
        return (tokens * is_word).sum(dim=1) / is_word.sum(dim=1)  # (N, D)


class _ExactLayer(nn.TransformerEncoderLayer):
    """A layer that computes GELU itself on a GPU, where torch's fused kernel takes tanh for it.

    That kernel moves scores by 4e-4. The one for CPUs is exact, and saves 8 % of the time.
    """

    def forward(
        self,
        src: Float[Tensor, "N L D"],
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Float[Tensor, "N L D"]:
        """Compute the layer, as `nn.TransformerEncoderLayer` does."""
        self.activation_relu_or_gelu = 0 if src.is_cuda else 2  # 2: may be fused, as GELU
        return super().forward(src, src_mask, src_key_padding_mask, is_causal)


def from_bert(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of a BERT checkpoint to those of `MiniLM`.

    BERT marks the first and second of two sentences by a vector added to every token; here is only
    one sentence, so its vector is added to the positions.
    """
    renamed = {
        "token_embedding.weight": weights["embeddings.word_embeddings.weight"],
        "position_embedding.weight": weights["embeddings.position_embeddings.weight"]
        + weights["embeddings.token_type_embeddings.weight"][0],
        "embedding_norm.weight": weights["embeddings.LayerNorm.weight"],
        "embedding_norm.bias": weights["embeddings.LayerNorm.bias"],
    }
    for layer, kind in itertools.product(range(_NUM_LAYERS), ("weight", "bias")):
        old, new = f"encoder.layer.{layer}", f"layers.layers.{layer}"
        thirds = [weights[f"{old}.attention.self.{n}.{kind}"] for n in ("query", "key", "value")]
        renamed[f"{new}.self_attn.in_proj_{kind}"] = torch.cat(thirds)
        for theirs, ours in _PARTS_OF_A_LAYER.items():
            renamed[f"{new}.{ours}.{kind}"] = weights[f"{old}.{theirs}.{kind}"]
    return renamed


_PARTS_OF_A_LAYER = {
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "norm1",
    "intermediate.dense": "linear1",
    "output.dense": "linear2",
    "output.LayerNorm": "norm2",
}
