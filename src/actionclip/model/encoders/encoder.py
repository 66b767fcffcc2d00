"""What every encoder offers: frames and texts go in, features of one shared width come out.

`register` adds encoders of other packages. An encoder computes each frame alone, unless visual
prompts let frames see each other; a temporal head joins the frame features of a clip.

Shapes:
    B: clips   T: frames of a clip   H W: pixels   N: texts   L: tokens   D: shared width
    E: width of a row of vision features   C: the part of it that is about the frames around
    F: width of frame features, D for most encoders
"""

from __future__ import annotations

import abc
import inspect
import logging
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model.config import Calibration, ModelConfig
from actionclip.model.registry import Registry

logger = logging.getLogger(__name__)


class Context(NamedTuple):
    """What an encoder needs to see around each frame that its vision tower reads.

    A clip is sampled too sparsely to see how a body moves. From the frames around it, every frame's
    row of vision features gets a second part, [E | C], which `Follower.row` computes.
    """

    frames_per_second: float
    """At least so dense."""
    seconds: float
    """Before and after each frame."""
    memory_seconds: float
    """How long a stream remembers."""
    width: int
    """C, the length of the second part."""

    def frames_per_step(self, steps_per_second: float) -> int:
        """Return how many frames to take for each step of a steady rate."""
        return math.ceil(self.frames_per_second / steps_per_second)


class ExamplePart(NamedTuple):
    """A part of embeddings in which clips are compared with example clips of an action.

    Two clips are nearer to each other than a clip and a text, so the values are the encoder's own.
    """

    columns: slice
    same: float
    """Usual dot product of two clips of one action."""
    other: float
    """Of clips of two actions."""
    weight: float
    """What their dot product counts beside that with words."""


class Follower(abc.ABC):
    """Sees the frames of one clip or stream in order; not safe for threads."""

    @abc.abstractmethod
    def push(self, frame: UInt8[np.ndarray, "H W 3"], seconds: float) -> None:
        """Take the next frame, RGB."""

    @abc.abstractmethod
    def forget(self, seconds: float) -> None:
        """Forget what was before a time."""

    @abc.abstractmethod
    def row(self, seconds: float) -> Float[Tensor, " C"]:
        """Return the second part of the row of a frame, from what was pushed around it."""


class Encoder(nn.Module, abc.ABC):
    """A vision tower and a text tower whose features can be compared."""

    width: int
    """D, the length of every feature vector."""
    image_size: int
    """Height and width, in pixels, of the frames that the vision tower takes."""
    short_side: int
    """To how many pixels the short side of a frame is scaled before the middle is cut out."""
    vision_tower: Any
    """A module; `ActionCLIP.in_precision` casts it."""
    text_tower: Any
    """Likewise."""
    tokenizer: Tokenizer | None = None
    """Saved with the model; pads and truncates. None where none is known that fits."""

    settings: Mapping[str, Any] = {}
    """What `build` needs besides: `ModelConfig.encoder_config` of `pretrained` encoders."""
    initial_logit_scale: float = math.log(100)
    """The logarithm that `ActionCLIP.logit_scale` starts at; fits similarities of this encoder."""
    calibration: Calibration = Calibration()
    """What scores mean before anything is fitted. The margin was measured for `lite`; it counts
    logits, which are learnt to be log-likelihoods, so it is a fair guess for others."""
    wants_fp32: bool = False
    """Whether the precision `auto` is fp32 on every device."""
    runtimes: Sequence[str] = ("torch",)
    """Libraries that compute its features, whose versions are part of the fingerprint."""
    example_parts: tuple[ExamplePart, ...] = (ExamplePart(slice(None), 0.8, 0.55, 0.3),)
    """In which clips are compared with examples; the values are a guess for CLIP's relatives."""
    context: Context | None = None
    """What it sees around each frame; None: it sees each frame alone."""
    not_for_vision_features: tuple[str, ...] = ("text_tower.",)
    """Beginnings of the names of parameters and buffers that `vision_features` does not use."""

    @classmethod
    def build(cls, config: ModelConfig, tokenizer: Tokenizer | None) -> Encoder:
        """Build it as a checkpoint's config describes it; its weights are loaded afterwards."""
        return cls()

    @classmethod
    def pretrained(cls) -> Encoder:
        """Build it with weights that are at hand, for `ActionCLIP.load` by its name."""
        raise ValueError(f"{cls.__name__} has no weights of its own; load a checkpoint")

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

    def frame_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T F"]:
        """Encode frames, RGB in 0…1; the encoder normalises the pixels itself."""
        return self.project(self.vision_features(clips))

    @abc.abstractmethod
    def vision_features(self, clips: Float[Tensor, "B T 3 H W"]) -> Float[Tensor, "B T E"]:
        """Run the vision tower: the costly half, whose results are cached."""

    @abc.abstractmethod
    def project(self, vision_features: Float[Tensor, "B T E"]) -> Float[Tensor, "B T F"]:
        """Map them into the space of the texts: the cheap half, trained with a frozen tower."""

    def follow(self) -> Follower:
        """Begin to see what is around the frames of a clip or a stream, if there is a `context`."""
        raise NotImplementedError

    def see_frames_alone(self) -> None:
        """Leave out what is around frames, for good."""
        raise NotImplementedError

    @property
    def clip_width(self) -> int:
        """The length of the features of a clip, before they are normalised."""
        return self.width

    def pool(self, head: nn.Module, frame_features: Float[Tensor, "B T F"]) -> Float[Tensor, "B F"]:
        """Make one feature of a clip's frames."""
        return head(frame_features)

    def normalize(self, clip_features: Float[Tensor, "*B F"]) -> Float[Tensor, "*B D"]:
        """Make embeddings, of length one, of clip features."""
        return F.normalize(clip_features, dim=-1)

    def tokenize(self, texts: Sequence[str]) -> Int[Tensor, "N L"]:
        """Turn texts into token ids, padded as the tower needs; warns of texts that are cut."""
        if self.tokenizer is None:
            raise ValueError(
                "the weights came without a tokenizer, and their vocabulary is not that of "
                "OpenAI's CLIP; pass token ids to embed_tokens instead"
            )
        encodings = self.tokenizer.encode_batch(list(texts))
        for text, encoding in zip(texts, encodings, strict=True):
            if encoding.overflowing:
                logger.warning(
                    "a text is longer than %d tokens, the rest of it is left out: %.60s…",
                    len(encoding.ids),
                    text,
                )
        return torch.tensor([encoding.ids for encoding in encodings])

    def text_order(self, text: str) -> tuple[int, str]:
        """Return a key that sorts texts so that those of a batch are cheap: by their length."""
        return (len(text), text)

    @abc.abstractmethod
    def text_features(self, token_ids: Int[Tensor, "N L"]) -> Float[Tensor, "N D"]:
        """Encode texts that `tokenize` made."""


def _check(encoder: type[Encoder]) -> None:
    if encoder.build.__func__ is Encoder.build.__func__:
        try:
            inspect.signature(encoder).bind()
        except TypeError as error:
            raise ValueError(f"{error}; define build, which knows the arguments") from error


ENCODERS = Registry("encoder", Encoder, _check)


def register(name: str, encoder: type[Encoder]) -> None:
    """Add an encoder, for configs and `ActionCLIP.load`.

    Packages can name it in the entry points of the group "actionclip.encoders" instead.

    Raises:
        ValueError: it lacks a method, or the name is in use.
    """
    ENCODERS.register(name, encoder)


def build(config: ModelConfig, tokenizer: Tokenizer | None, where: object) -> Encoder:
    """Build the encoder that a config names; `where` names the config in errors.

    Raises:
        ValueError: the encoder is not registered, or cannot be built with these settings.
    """
    try:
        kind = ENCODERS[config.encoder]
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from error
    with refusing_settings(where):
        encoder = kind.build(config, tokenizer)
    required = ("width", "image_size", "short_side", "vision_tower", "text_tower")
    if missing := [name for name in required if not hasattr(encoder, name)]:
        raise ValueError(f"encoder {config.encoder!r}: {kind.__name__} sets no {missing}")
    return encoder


@contextmanager
def refusing_settings(where: object) -> Iterator[None]:
    """Turn what a library raises for settings of a model into one line.

    Args:
        where: names the file that the settings are from.

    Raises:
        ValueError: no model can be built with them; names the reason.
    """
    try:
        yield
    except ModuleNotFoundError:
        raise
    except FileNotFoundError as error:
        raise FileNotFoundError(f"{where}: {error}") from error
    except Exception as error:  # settings of others can be wrong in any way
        found = error.__cause__ or error
        reason = f"{type(found).__name__}: {' '.join(str(found).split())}"
        raise ValueError(
            f"{where}: its settings describe no model that can be built ({reason:.200}); use the "
            f"{Path(str(where)).name} that belongs to the weights"
        ) from error
