"""Visual prompts inside the vision tower: how the patches of one frame come to see other frames.

`shift` is the paper's in-network prompt, `join` its pre-network prompt (section 3.3). Both work on
the tokens of a vision transformer and know nothing else of it.

Shapes:
    B: clips   T: frames of a clip   P: patches of a frame   C: class tokens, 0 or 1
    W: width of the tower
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def shift(patches: Float[Tensor, "B T P W"]) -> Float[Tensor, "B T P W"]:
    """Give every frame an eighth of the next frame's channels and an eighth of the last one's.

    Beyond the first and the last frame there are zeros.
    """
    eighth = patches.shape[-1] // 8
    from_next = F.pad(patches[:, 1:, :, :eighth], (0, 0, 0, 0, 0, 1))
    from_last = F.pad(patches[:, :-1, :, eighth : 2 * eighth], (0, 0, 0, 0, 1, 0))
    return torch.cat([from_next, from_last, patches[..., 2 * eighth :]], dim=-1)


def shift_tokens(
    tokens: Float[Tensor, "sequences tokens W"], num_clips: int, num_frames: int, num_class: int
) -> Float[Tensor, "sequences tokens W"]:
    """Shift the patches of each sequence and leave its class tokens alone.

    Args:
        tokens: (B·T, C+P, W), or (B, C+T·P, W) after `join`.
        num_clips: B.
        num_frames: T.
        num_class: C.
    """
    patches = tokens[:, num_class:]
    shifted = shift(patches.reshape(num_clips, num_frames, -1, patches.shape[-1]))
    return torch.cat([tokens[:, :num_class], shifted.reshape(patches.shape)], dim=1)


def join(
    tokens: Float[Tensor, "frames tokens W"],
    time_positions: Float[Tensor, "T W"],
    num_class: int,
) -> Float[Tensor, "B joined W"]:
    """Put the patches of a clip's frames into one sequence, each marked with its time.

    The class tokens of all frames are still the same here, so the clip keeps those of its first.

    Args:
        tokens: (B·T, C+P, W), with their positions in space.
        time_positions: what is added to the patches of each frame.
        num_class: C.
    """
    by_clip = tokens.unflatten(0, (-1, len(time_positions)))  # (B, T, C+P, W)
    patches = by_clip[:, :, num_class:] + time_positions[:, None]
    return torch.cat([by_clip[:, 0, :num_class], patches.flatten(1, 2)], dim=1)  # (B, C+T·P, W)
