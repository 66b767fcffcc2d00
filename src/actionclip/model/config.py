"""What a model is made of, as a value that goes into its checkpoint: enough to build it again.

Knows no weights and no files; `checkpoint` puts the JSON beside the weights.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TEMPORAL_HEADS = (
    "mean",
    "conv",
    "conv_official",
    "lstm",
    "motion",
    "transformer",
    "transformer_cls",
)
_WITH_POSITIONS = ("transformer", "transformer_cls")


@dataclass(frozen=True)
class ModelConfig:
    """An encoder, its visual prompts and a temporal head."""

    encoder: str
    """`lite`, or the model type in `transformers`: `clip`, `siglip`, `siglip2`, `metaclip_2`."""
    encoder_config: Mapping[str, Any] = field(default_factory=dict)
    """What the encoder needs to build itself; each encoder says what that is."""
    temporal_head: str = "mean"
    """How frame features become clip features: one of `TEMPORAL_HEADS`."""
    num_frames: int = 8
    """Frames that a clip is sampled to."""
    num_positions: int = 77
    """Frames that the temporal head has positions for; transformer and transformer_cls only."""
    num_attention_heads: int = 8
    """Attention heads in the temporal head; transformer and transformer_cls only."""
    residual: bool = False
    """Add the mean over the frames to what the head gives; transformer_cls only, where the
    official head leaves it out."""
    shift: bool = False
    """In-network prompt: shift channels of the patch tokens between frames before every block."""
    joint: bool = False
    """Pre-network prompt: let the patches of all frames attend to each other."""

    def __post_init__(self) -> None:
        if self.temporal_head not in TEMPORAL_HEADS:
            raise ValueError(
                f"temporal_head: unknown {self.temporal_head!r}; known: {list(TEMPORAL_HEADS)}"
            )
        if self.num_frames < 1:
            raise ValueError(f"num_frames: {self.num_frames} is too few; a clip has one or more")
        if self.temporal_head in _WITH_POSITIONS and self.num_frames > self.num_positions:
            raise ValueError(
                f"num_frames: {self.num_frames} is too many; the temporal head "
                f"{self.temporal_head!r} has positions for {self.num_positions}"
            )

    def prompted(
        self,
        temporal_head: str | None,
        num_frames: int | None,
        shift: bool | None,
        joint: bool | None,
    ) -> ModelConfig:
        """Describe the same model with other visual prompts; None leaves one as it is.

        Raises:
            ValueError: the positions that the model has learned do not reach for so many frames.
        """
        said = {"num_frames": num_frames, "shift": shift, "joint": joint}
        changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
        if (
            self.joint
            and joint is not False
            and changes.get("num_frames")
            not in (
                None,
                self.num_frames,
            )
        ):
            raise ValueError(
                f"num_frames: the visual prompt 'joint' was trained with {self.num_frames}, and "
                f"{num_frames} are asked for; load it with {self.num_frames}"
            )
        if temporal_head is not None and temporal_head != self.temporal_head:
            frames = num_frames or self.num_frames
            changes["temporal_head"] = temporal_head
            # The official code has as many positions as CLIP has for words, and the class token's.
            is_cls = temporal_head == "transformer_cls"
            changes["num_positions"] = frames if is_cls else max(77, frames)
            if is_cls:
                changes["num_attention_heads"] = 8  # whatever the width (official code)
        return dataclasses.replace(self, **changes)

    def to_json(self) -> dict[str, Any]:
        """Give the fields as JSON can hold them."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, document: Mapping[str, Any], where: str = "model config") -> ModelConfig:
        """Read what `to_json` gave.

        Args:
            document: the parsed JSON.
            where: names the file in errors.

        Raises:
            ValueError: for a field that is unknown, missing or of the wrong type.
        """
        known = {field.name: field for field in dataclasses.fields(cls)}
        if unknown := sorted(document.keys() - known.keys()):
            raise ValueError(f"{where}: unknown {unknown}; known: {sorted(known)}")
        if "encoder" not in document:
            raise ValueError(f'{where}: \'encoder\' is missing; write e.g. "encoder": "lite"')
        for name, value in document.items():
            wanted = _JSON_TYPES[str(known[name].type)]
            if type(value) is not wanted:
                raise ValueError(
                    f"{where}: {name} is {value!r}; write a value of type {wanted.__name__}"
                )
        return cls(**document)


_JSON_TYPES = {
    "str": str,
    "int": int,
    "bool": bool,
    "Mapping[str, Any]": dict,
}
