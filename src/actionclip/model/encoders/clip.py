"""CLIP and its relatives: a dual encoder of `transformers` becomes an encoder that takes clips.

CLIP, MetaCLIP, SigLIP and SigLIP 2 of fixed resolution share one shape: patches, blocks, a pooled
token, a projection. The loop over the blocks is written out here, because the visual prompts act
between them. `transformers` is imported when an encoder is built, because it is slow to import.

Shapes:
    B: clips   T: frames of a clip   H W: pixels   N: texts   L: tokens   D: shared width
    P: patches of a frame   C: class tokens, 0 or 1   E: width of the vision tower
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from tokenizers import Tokenizer
from torch import Tensor, nn

from actionclip.model.config import ModelConfig
from actionclip.model.encoders import clip_blocks, shared_prefixes
from actionclip.model.encoders.encoder import Encoder

MODEL_TYPES = ("clip", "metaclip_2", "siglip")
"""The names that `transformers` has for what can be built here."""


class ClipEncoder(Encoder):
    """A vision transformer and a text transformer, trained to agree on pictures and captions."""

    not_for_vision_features = ("text_tower.", "text_projection.", "visual_projection.")
    pixel_mean: Float[Tensor, "3 1 1"]
    pixel_std: Float[Tensor, "3 1 1"]

    def __init__(
        self,
        model: nn.Module,
        tokenizer: Tokenizer | None,
        pixel_mean: Sequence[float],
        pixel_std: Sequence[float],
    ) -> None:
        """Take a dual encoder of `transformers` apart; `build` also makes it.

        Args:
            model: a CLIPModel, MetaClip2Model or SiglipModel.
            tokenizer: pads and truncates as the text tower needs; None where none is known.
            pixel_mean: of red, green and blue.
            pixel_std: of red, green and blue.
        """
        super().__init__()
        self.vision_tower: Any = model.vision_model
        self.text_tower: Any = model.text_model
        clip_blocks.use_quick_gelu(model)
        # SigLIP's towers end at the shared width.
        self.visual_projection = getattr(model, "visual_projection", nn.Identity())
        self.text_projection = getattr(model, "text_projection", nn.Identity())
        self.tokenizer = tokenizer
        self.image_size = self.vision_tower.config.image_size
        self.short_side = self.image_size * 256 // 224  # utils/Augmentation.py of the official code
        self.width = getattr(
            self.visual_projection, "out_features", self.vision_tower.config.hidden_size
        )
        self.register_buffer("pixel_mean", _channels(pixel_mean), persistent=False)
        self.register_buffer("pixel_std", _channels(pixel_std), persistent=False)
        self.num_class_tokens = int(hasattr(self.vision_tower.embeddings, "class_embedding"))
        self.shift = False
        self.time_positions: nn.Parameter | None = None

    @classmethod
    def build(cls, config: ModelConfig, tokenizer: Tokenizer | None) -> ClipEncoder:
        """Build the encoder that a config describes, its weights not yet set to anything.

        Args:
            config: its `encoder_config` is what `encoder_config` returned.
            tokenizer: as in `ClipEncoder`.
        """
        from transformers import AutoConfig, AutoModel
        from transformers.initialization import no_init_weights

        settings = config.encoder_config
        described = AutoConfig.for_model(config.encoder, **settings["transformers"])
        with no_init_weights():
            model = AutoModel.from_config(
                described, dtype=torch.float32, attn_implementation="sdpa", trust_remote_code=False
            )
        encoder = cls(model, tokenizer, settings["pixel_mean"], settings["pixel_std"])
        encoder.prompt(shift=config.shift, joint_frames=config.num_frames if config.joint else None)
        return encoder

    def prompt(self, *, shift: bool, joint_frames: int | None) -> None:
        """Set the visual prompts inside the vision tower.

        Args:
            shift: move channels of the patches between frames before every block.
            joint_frames: let the patches of this many frames attend to each other; their
                positions in time start at zero, learnt ones stay. None: each frame is encoded
                alone.
        """
        self.shift = shift
        if joint_frames is None:
            self.time_positions = None
        elif self.time_positions is None or len(self.time_positions) != joint_frames:
            width = self.vision_tower.config.hidden_size
            device = self.pixel_mean.device
            self.time_positions = nn.Parameter(torch.zeros(joint_frames, width, device=device))

    def vision_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T E"]:
        """Pool the tokens of every frame; with `joint` all frames of a clip are pooled together."""
        num_clips, num_frames, _, *size = clips.shape
        if size != [self.image_size, self.image_size]:
            raise ValueError(
                f"frames of {size[0]}×{size[1]} pixels, but the vision tower takes "
                f"{self.image_size}×{self.image_size}; resize and crop them"
            )
        frames = (clips.flatten(0, 1) - self.pixel_mean) / self.pixel_std  # (B·T, 3, H, W)
        tokens = self.vision_tower.embeddings(frames)  # (B·T, C+P, E)
        if self.time_positions is not None:
            tokens = clip_blocks.join(tokens, self._times_of(num_frames), self.num_class_tokens)
        if hasattr(self.vision_tower, "pre_layrnorm"):
            tokens = self.vision_tower.pre_layrnorm(tokens)
        blocks = self.vision_tower.encoder.layers
        for number, block in enumerate(blocks, start=1):
            if self.shift:
                tokens = clip_blocks.shift_tokens(
                    tokens, num_clips, num_frames, self.num_class_tokens
                )
            if number == len(blocks) and self.num_class_tokens:
                tokens = clip_blocks.last_block(block, tokens)
            else:
                tokens = block(tokens, attention_mask=None)
        features = self._pool(tokens)  # (B·T, E), or (B, E) with joint
        if self.time_positions is not None:
            return features[:, None].expand(-1, num_frames, -1)
        return features.unflatten(0, (num_clips, num_frames))  # (B, T, E)

    def project(self, vision_features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T D"]:
        """Apply CLIP's own last layer; SigLIP has none."""
        return self.visual_projection(vision_features)

    def text_features(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Encode texts that `tokenize` made; in inference, common beginnings are computed once."""
        if torch.is_grad_enabled() or not self.is_causal:
            return self.text_projection(self.text_tower(input_ids=token_ids).pooler_output)
        texts = [
            token_ids[: end + 1]
            for token_ids, end in zip(token_ids.tolist(), self._ends(token_ids), strict=True)
        ]
        rows = shared_prefixes.lay_out(texts, self.text_tower.config.max_position_embeddings)
        tokens = self.text_tower(
            input_ids=rows.token_ids.to(token_ids.device),
            position_ids=rows.positions.to(token_ids.device),
            attention_mask=rows.sees[:, None].to(token_ids.device),
        ).last_hidden_state  # (rows, places, width of the text tower)
        return self.text_projection(tokens[rows.end_rows, rows.end_places])

    @property
    def is_causal(self) -> bool:
        """Whether the features of a token depend only on the tokens before it."""
        return self.text_tower.config.model_type != "siglip_text_model"

    def text_order(self, text: str) -> tuple[int, str]:
        """Put texts together that begin alike, or else those of the same length."""
        return (0 if self.is_causal else len(text), text)

    def _ends(self, token_ids: Int[Tensor, "N L"]) -> list[int]:
        """Find the token of each text that is read off, as `transformers` does."""
        end_token = self.text_tower.config.eos_token_id
        if end_token == 2 and self.text_tower.config.model_type == "clip_text_model":
            return token_ids.argmax(dim=-1).tolist()  # an old mistake in files of the hub
        return (token_ids == end_token).int().argmax(dim=-1).tolist()

    def _times_of(self, num_frames: int) -> Float[Tensor, "T E"]:
        assert self.time_positions is not None
        if num_frames > len(self.time_positions):
            raise ValueError(
                f"clips of {num_frames} frames, but the visual prompt 'joint' has learned "
                f"{len(self.time_positions)} positions in time; sample at most so many frames"
            )
        return self.time_positions[:num_frames]

    def _pool(self, tokens: Float[Tensor, "sequences tokens E"]) -> Float[Tensor, "sequences E"]:
        """Read off the class token, or let SigLIP's own attention gather the patches."""
        if self.num_class_tokens:
            return self.vision_tower.post_layernorm(tokens[:, 0])
        return self.vision_tower.head(self.vision_tower.post_layernorm(tokens))


def encoder_config(
    model_type: str,
    settings: Mapping[str, Any],
    pixel_mean: Sequence[float],
    pixel_std: Sequence[float],
) -> dict[str, Any]:
    """Write down all that `build` needs, the defaults of `transformers` included.

    Args:
        model_type: one of `MODEL_TYPES`.
        settings: what differs from the defaults, as in a config.json of the hub.
        pixel_mean: of red, green and blue.
        pixel_std: of red, green and blue.
    """
    from transformers import AutoConfig

    complete = AutoConfig.for_model(model_type, **settings).to_dict()
    del complete["model_type"]
    return {
        "transformers": _without(_BESIDES_ARCHITECTURE, complete),
        "pixel_mean": list(pixel_mean),
        "pixel_std": list(pixel_std),
    }


_BESIDES_ARCHITECTURE = (
    "_name_or_path",
    "architectures",
    "dtype",
    "id2label",
    "label2id",
    "transformers_version",
)


def _without(names: Sequence[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out settings of these names, those of the towers included."""
    return {
        name: _without(names, value) if isinstance(value, dict) else value
        for name, value in settings.items()
        if name not in names
    }


def _channels(values: Sequence[float]) -> Float[Tensor, "3 1 1"]:
    return torch.tensor(values).view(3, 1, 1)
