"""The model: clips and texts become embeddings whose dot product is how well they match.

An encoder makes features of frames and of texts, a temporal head makes one feature of a clip's
frames. `load` finds what a model is built from, `checkpoint` reads and writes it; neither imports
this module.

Shapes:
    B: clips   T: frames of a clip   H W: pixels   N: texts   L: tokens   D: shared width
    E: width of a row of vision features   F: width of frame features, D for most encoders
"""

from __future__ import annotations

import copy
import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model import checkpoint, devices, encoders, load, temporal_heads, weights
from actionclip.model.checkpoint import Checkpoint
from actionclip.model.config import Classifier, ModelConfig, Task
from actionclip.model.encoders import Encoder

logger = logging.getLogger(__name__)

_TEXTS_AT_ONCE = 256


class ActionCLIP(nn.Module):
    """Embeds clips and texts in one space; the similarity of two is their dot product."""

    def __init__(self, config: ModelConfig, encoder: Encoder) -> None:
        """Put an encoder and the temporal head that the config names together."""
        super().__init__()
        self.config = config
        self.encoder = encoder
        self.temporal_head = config.build_head(encoder.width)
        self.logit_scale = nn.Parameter(torch.tensor(encoder.initial_logit_scale))
        """Learnt; its exponential multiplies the cosines."""
        self.calibration = encoder.calibration
        """What its scores mean; fitted on held-out clips and stored in the checkpoint."""
        self.task = Task()
        """What it was trained for: labels, templates, sampling; stored in the checkpoint."""
        self.classifier: Classifier | None = None
        """Scores its labels instead of words, in the paper's unimodal baseline."""
        self.precision = torch.float32
        self._untrained_head: list[float] | None = None

    @classmethod
    def load(
        cls,
        name_or_path: str | Path,
        *,
        device: str | torch.device | None = None,
        precision: str = "fp32",
        temporal_head: str | None = None,
        num_frames: int | None = None,
        shift: bool | None = None,
        joint: bool | None = None,
        head_initialisation: str = "identity",
    ) -> ActionCLIP:
        """Load a model for inference; visual prompts that are None stay as they were trained.

        Args:
            name_or_path: "lite", a hub name such as "openai/clip-vit-base-patch16", a checkpoint
                directory, or an official .pt or .pth file.
            device: the CPU by default.
            precision: of the towers: "fp32", "bf16", or "auto", which is bf16 where the device
                multiplies it fast. Similarities and logits are fp32 in any case.
            temporal_head: as in `with_visual_prompts`.
            num_frames: frames that a clip is sampled to.
            shift: as in `with_visual_prompts`.
            joint: as in `with_visual_prompts`.
            head_initialisation: as in `with_visual_prompts`.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: the name is not known, or the weights do not fit; names the reason.
        """
        found_device = devices.find(device or "cpu")
        model = cls._from_checkpoint(load.find(name_or_path))
        model._set_visual_prompts(
            temporal_head, num_frames, shift, joint, head_initialisation=head_initialisation
        )
        return model.to(found_device).in_precision(precision).eval()

    @classmethod
    def _from_checkpoint(cls, found: Checkpoint) -> ActionCLIP:
        encoder = found.encoder or encoders.build(found.config, found.tokenizer, found.source)
        model = cls(found.config, encoder)
        if found.encoder is None:
            shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
            weights.check(found.weights, shapes, found.source)
            model.load_state_dict(found.weights)
        model.calibration = found.calibration or model.calibration
        model.task, model.classifier = found.task, found.classifier
        return model

    def save(self, folder: str | Path) -> None:
        """Write a checkpoint that `load` takes anywhere, with no network; replaces an older one."""
        if self.precision != torch.float32:
            logger.warning("saved in %s; load in fp32 to keep all digits", self.precision)
        made = Checkpoint(
            str(folder),
            self.config,
            self.state_dict(),
            self.encoder.tokenizer,
            self.calibration,
            self.task,
            self.classifier,
        )
        checkpoint.write(made, Path(folder))

    def with_visual_prompts(
        self,
        *,
        temporal_head: str | None = None,
        num_frames: int | None = None,
        shift: bool | None = None,
        joint: bool | None = None,
        head_initialisation: str = "identity",
    ) -> ActionCLIP:
        """Copy the model with other visual prompts; those that are None stay as they are.

        The weights are copied, not shared: `to`, `in_precision` and training change parameters in
        place, so a shared one would change this model too. `load` takes the same arguments and
        copies nothing.

        Args:
            temporal_head: one of `temporal_heads.HEADS`; a head of another name is new.
            num_frames: frames that a clip is sampled to.
            shift: whether channels of the patches move between frames.
            joint: whether the patches of all frames attend to each other.
            head_initialisation: of a new head: "identity" computes the mean over the frames until
                it is trained; "paper" is the official code's, and untrained.

        Raises:
            ValueError: the encoder has no patches, or positions do not reach for so many frames.
        """
        model = copy.deepcopy(self)
        model._set_visual_prompts(
            temporal_head, num_frames, shift, joint, head_initialisation=head_initialisation
        )
        return model

    def _set_visual_prompts(
        self,
        temporal_head: str | None,
        num_frames: int | None,
        shift: bool | None,
        joint: bool | None,
        *,
        head_initialisation: str,
    ) -> None:
        """Do what `with_visual_prompts` does, to this model itself."""
        if head_initialisation not in temporal_heads.INITIALISATIONS:
            raise ValueError(
                f"head_initialisation: unknown {head_initialisation!r}; known: "
                f"{list(temporal_heads.INITIALISATIONS)}"
            )
        config = self.config.prompted(temporal_head, num_frames, shift, joint)
        if (config.shift, config.joint) != (self.config.shift, self.config.joint):
            joint_frames = config.num_frames if config.joint else None
            self.encoder.prompt(shift=config.shift, joint_frames=joint_frames)
        if config.temporal_head != self.config.temporal_head:
            identity = head_initialisation == "identity"
            residual = identity and config.temporal_head == "transformer_cls"
            config = dataclasses.replace(config, residual=residual)
            head = config.build_head(self.encoder.width)
            if identity:
                with torch.no_grad():
                    head.start_as_identity()
            self._untrained_head = None if identity else _first_numbers(head)
            self.temporal_head = head.to(self.logit_scale.device).train(self.training)
        self.config = config

    def see_frames_alone(self) -> None:
        """Leave out what the encoder makes of the frames around each, for training from pixels."""
        if self.encoder.context is not None:
            scale = self.encoder.initial_logit_scale
            self.encoder.see_frames_alone()
            self.config = dataclasses.replace(self.config, encoder_config=self.encoder.settings)
            self.calibration = self.encoder.calibration
            with torch.no_grad():
                self.logit_scale += self.encoder.initial_logit_scale - scale

    def in_precision(self, precision: str) -> ActionCLIP:
        """Convert the towers to another precision, on the present device.

        Their weights are converted once: under autocast alone they would be at every call, which
        for eight frames costs about as much memory traffic as the frames themselves.

        Args:
            precision: as in `load`.
        """
        self.precision, reason = devices.choose_precision(
            precision, self.logit_scale.device, wants_fp32=self.encoder.wants_fp32
        )
        logger.debug("towers in %s: %s", self.precision, reason)
        self.encoder.vision_tower.to(self.precision)
        self.encoder.text_tower.to(self.precision)
        return self

    @property
    def scale(self) -> float:
        """The factor that turns cosines into logits."""
        return float(self.logit_scale.detach().float().exp())

    def frame_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T F"]:
        """Encode frames, RGB in 0…1; the model normalises pixels itself."""
        return self.project(self.vision_features(clips))

    def vision_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T E"]:
        """Run the vision tower, whose results may be cached; pixels are RGB in 0…1."""
        with self._tower_precision():
            return self.encoder.vision_features(clips).float()

    def project(self, vision_features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T F"]:
        """Make frame features of the result of `vision_features`."""
        with self._tower_precision():
            return self.encoder.project(vision_features).float()

    def clip_features(self, frame_features: Float[Tensor, "B T F"]) -> Float[Tensor, "B F"]:
        """Run the temporal head, which makes one feature of each clip, of any length."""
        if self._untrained_head is not None and not self.training:
            if _first_numbers(self.temporal_head) == self._untrained_head:
                logger.warning(
                    "the temporal head %r is not trained, its results mean nothing: train it, or "
                    "load it with head_initialisation='identity'",
                    self.config.temporal_head,
                )
            self._untrained_head = None
        return self.encoder.pool(self.temporal_head, frame_features)

    def text_features(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Encode texts that `tokenize` made, as features of any length."""
        with self._tower_precision():
            return self.encoder.text_features(token_ids).float()

    def embed_frame_features(self, frame_features: Float[Tensor, "B T F"]) -> Float[Tensor, "B D"]:
        """Make one embedding, of length one, of each clip's frame features.

        A classifier reads features of any length, so its model returns those.
        """
        features = self.clip_features(frame_features)
        return features if self.classifier is not None else self.encoder.normalize(features)

    def embed_clips(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B D"]:
        """Make one embedding, of length one, of each clip; pixels are RGB in 0…1."""
        return self.embed_frame_features(self.frame_features(clips))

    def tokenize(self, texts: Sequence[str]) -> Int[Tensor, "N L"]:
        """Turn texts into token ids, on the model's device."""
        return self.encoder.tokenize(texts).to(self.logit_scale.device)

    def embed_tokens(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Make one embedding, of length one, of each text that `tokenize` made."""
        return F.normalize(self.text_features(token_ids), dim=-1)

    def embed_texts(self, texts: Sequence[str]) -> Float[Tensor, "N D"]:
        """Make one embedding, of length one, of each text.

        Texts of similar cost share a batch, so that little padding is computed.
        """
        order = sorted(range(len(texts)), key=lambda index: self.encoder.text_order(texts[index]))
        embeddings = [
            self.embed_tokens(
                self.tokenize([texts[i] for i in order[start : start + _TEXTS_AT_ONCE]])
            )
            for start in range(0, len(texts), _TEXTS_AT_ONCE)
        ]
        rows = torch.tensor(order).argsort()
        return torch.cat(embeddings)[rows.to(self.logit_scale.device)]

    def _tower_precision(self) -> torch.autocast:
        """Convert what enters the towers, and the layers between them."""
        return torch.autocast(
            self.logit_scale.device.type, self.precision, enabled=self.precision != torch.float32
        )


def _first_numbers(head: nn.Module) -> list[float]:
    """Take one number of each parameter; training changes some of them at its first step."""
    return [parameter.flatten()[0].item() for parameter in head.parameters()]
