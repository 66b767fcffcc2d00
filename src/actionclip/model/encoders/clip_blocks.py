"""What happens in and between the blocks of CLIP's vision tower.

`shift` is the paper's in-network visual prompt, `join` its pre-network prompt (section 3.3): both
let the patches of one frame see other frames. `last_block` and `QuickGelu` are short cuts, which
change results by rounding only.

Shapes:
    B: clips   T: frames of a clip   P: patches of a frame   C: class tokens, 0 or 1
    E: width of the tower   S: sequences   n: tokens of a sequence   h: heads   e: width of a head
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

_SLOPE = 1.702


def shift(patches: Float[Tensor, "B T P E"]) -> Float[Tensor, "B T P E"]:
    """Replace an eighth of the channels by the next frame's, an eighth by the last one's.

    Beyond the first and the last frame there are zeros.
    """
    eighth = patches.shape[-1] // 8
    from_next = F.pad(patches[:, 1:, :, :eighth], (0, 0, 0, 0, 0, 1))
    from_last = F.pad(patches[:, :-1, :, eighth : 2 * eighth], (0, 0, 0, 0, 1, 0))
    return torch.cat([from_next, from_last, patches[..., 2 * eighth :]], dim=-1)


def shift_tokens(
    tokens: Float[Tensor, "sequences tokens E"], num_clips: int, num_frames: int, num_class: int
) -> Float[Tensor, "sequences tokens E"]:
    """Shift the patches of each sequence and leave its class tokens alone.

    Args:
        tokens: (B·T, C+P, E), or (B, C+T·P, E) after `join`.
        num_clips: B.
        num_frames: T.
        num_class: C.
    """
    patches = tokens[:, num_class:]
    shifted = shift(patches.reshape(num_clips, num_frames, -1, patches.shape[-1]))
    return torch.cat([tokens[:, :num_class], shifted.reshape(patches.shape)], dim=1)


def join(
    tokens: Float[Tensor, "frames tokens E"],
    time_positions: Float[Tensor, "T E"],
    num_class: int,
) -> Float[Tensor, "B joined E"]:
    """Put the patches of a clip's frames into one sequence, each marked with its time.

    The class tokens of all frames are still the same here; those of the first one remain.

    Args:
        tokens: (B·T, C+P, E), with their positions in space.
        time_positions: added to the patches of each frame.
        num_class: C.
    """
    by_clip = tokens.unflatten(0, (-1, len(time_positions)))  # (B, T, C+P, E)
    patches = by_clip[:, :, num_class:] + time_positions[:, None]
    return torch.cat([by_clip[:, 0, :num_class], patches.flatten(1, 2)], dim=1)  # (B, C+T·P, E)


class QuickGelu(nn.Module):
    """x · sigmoid(1.702 x), the activation of OpenAI's CLIP."""

    def forward(self, widened: Float[Tensor, "*tokens _"]) -> Float[Tensor, "*tokens _"]:
        """Activate; without gradients the result overwrites the input, and needs no memory."""
        if torch.is_grad_enabled():
            return widened * torch.sigmoid(_SLOPE * widened)
        return F.silu(widened.mul_(_SLOPE), inplace=True).div_(_SLOPE)


def use_quick_gelu(model: nn.Module) -> None:
    """Replace the QuickGELU of each block of a model of `transformers`."""
    from transformers.activations import QuickGELUActivation

    for module in model.modules():
        if isinstance(getattr(module, "activation_fn", None), QuickGELUActivation):
            module.activation_fn = QuickGelu()


def last_block(
    block: Any,  # noqa: ANN401  # CLIPEncoderLayer of transformers, or one made alike
    tokens: Float[Tensor, "S n E"],
) -> Float[Tensor, "S 1 E"]:
    """Run a block for the first token only, which attends to all tokens.

    Where only that token is read, this saves a fourteenth of a vision tower of twelve blocks.
    """
    attention, first = block.self_attn, tokens[:, 0]  # (S, E)
    normed = block.layer_norm1(tokens)
    seen = F.scaled_dot_product_attention(
        _heads(attention.q_proj(normed[:, 0])[:, None], attention.num_heads),
        _heads(attention.k_proj(normed), attention.num_heads),
        _heads(attention.v_proj(normed), attention.num_heads),
        dropout_p=attention.dropout if block.training else 0.0,
        scale=attention.scale,
    )  # (S, h, 1, e)
    first = first + attention.out_proj(seen.flatten(1))
    return (first + block.mlp(block.layer_norm2(first)))[:, None]


def _heads(tokens: Float[Tensor, "S n E"], number: int) -> Float[Tensor, "S h n e"]:
    return tokens.unflatten(-1, (number, -1)).transpose(1, 2)
