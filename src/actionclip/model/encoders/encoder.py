"""What every encoder offers: frames and texts go in, features of one shared width come out.

An encoder knows no time: each frame is looked at alone (the visual prompts in
`model/visual_prompts.py` are what lets frames see each other), and a temporal head joins the frame
features of a clip.

Shapes:
    B: clips   T: frames of a clip   H W: pixels   N: texts   L: tokens   D: shared width
    E: width of the vision tower
"""

from __future__ import annotations

import abc
import math
from collections.abc import Sequence
from typing import Any

from jaxtyping import Float, Int
from torch import Tensor, nn


class Encoder(nn.Module, abc.ABC):
    """A vision tower and a text tower whose features can be compared."""

    width: int
    """D, the length of every feature vector."""
    image_size: int
    """Height and width, in pixels, of the frames that the vision tower takes."""
    short_side: int
    """To how many pixels the short side of a frame is scaled before the middle is cut out."""
    tokenizer: Any
    """A `tokenizers.Tokenizer`, saved with the model; None where none is known that fits."""
    initial_logit_scale: float = math.log(100)
    """The logarithm that `ActionCLIP.logit_scale` starts at; fits similarities of this encoder."""

    wants_fp32: bool = False
    """Whether the precision `auto` is fp32 on every device."""

    not_for_vision_features: tuple[str, ...] = ("text_tower.",)
    """Beginnings of the names of parameters and buffers that `vision_features` does not use."""

    vision_tower: Any
    """A module; `ActionCLIP.in_precision` casts it."""
    text_tower: Any
    """Likewise."""

    def prompt(self, *, shift: bool, joint_frames: int | None) -> None:
        """Set the visual prompts that act inside a vision transformer.

        Args:
            shift: move channels of the patches between frames before every block.
            joint_frames: let the patches of this many frames attend to each other; None: do not.

        Raises:
            ValueError: the vision tower is none.
        """
        raise ValueError(
            "the visual prompts 'shift' and 'joint' act on the patches of a vision transformer, "
            f"which {type(self).__name__} does not have; use a temporal head alone"
        )

    def frame_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T D"]:
        """Encode frames, RGB in 0…1; the encoder normalises the pixels itself."""
        return self.project(self.vision_features(clips))

    @abc.abstractmethod
    def vision_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T E"]:
        """Let the vision tower look at frames: the costly half, and all that pixels decide."""

    @abc.abstractmethod
    def project(self, vision_features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T D"]:
        """Bring them into the space of the texts: the cheap half, trained with a frozen tower."""

    @abc.abstractmethod
    def tokenize(self, texts: Sequence[str]) -> Int[Tensor, "N L"]:
        """Turn texts into ids, padded to the longest; too long ones are cut, with a warning."""

    def text_order(self, text: str) -> tuple[int, str]:
        """Give a key by which texts that are cheap together stand together: by their length."""
        return (len(text), text)

    @abc.abstractmethod
    def text_features(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Encode texts that `tokenize` made."""
