"""Temporal heads: the frame features of a clip become one clip feature.

These are the paper's post-network prompts (section 3.3), with the parameters, and the names of
parameters, of the official code, so that its weights load as they are. docs/paper.md lists where
they differ. `register` adds heads of other packages.

Shapes:
    B: clips   T: frames of a clip   D: shared width
"""

from __future__ import annotations

import abc
from collections import OrderedDict

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from actionclip.model.registry import Registry

NUM_LAYERS = 6
"""Of both transformer heads (official code, modules/Visual_Prompt.py)."""

INITIALISATIONS = ("identity", "paper")


class TemporalHead(nn.Module, abc.ABC):
    """Frame features become clip features; `ModelConfig.build_head` passes all options by name.

    A head takes those that it needs: `num_attention_heads`, `num_positions` and `residual`.
    """

    has_positions = False
    """Whether clips may have `num_positions` frames at most."""

    def __init__(self, width: int, **_: int | bool) -> None:
        super().__init__()

    @abc.abstractmethod
    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Make one feature of each clip's frames."""

    @abc.abstractmethod
    def start_as_identity(self) -> None:
        """Set the last layers to zero, so that clip features point where the mean does.

        All other layers keep their values; training reaches them as soon as the last layers have
        left zero. Called without gradients.
        """


def _check(head: type[TemporalHead]) -> None:
    """Build a head and run it once on random features."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        built = head(16, num_attention_heads=2, num_positions=4, residual=True).eval()
        features = torch.randn(3, 4, 16)
        built.start_as_identity()
        clip_features, mean = built(features), features.mean(dim=1)
    if clip_features.shape != mean.shape:
        raise ValueError(
            f"clip features have the shape {tuple(clip_features.shape)}, not {tuple(mean.shape)}"
        )
    if F.cosine_similarity(clip_features, mean).min() < 0.999:
        raise ValueError("after start_as_identity, clip features do not point where the mean does")


HEADS = Registry("temporal_head", TemporalHead, _check)


def register(name: str, head: type[TemporalHead]) -> None:
    """Add a temporal head, for configs, recipes and the command line.

    Packages can name it in the entry points of the group "actionclip.temporal_heads" instead.

    Raises:
        ValueError: it lacks a method, computes another shape, or does not start as identity.
    """
    HEADS.register(name, head)


class Mean(TemporalHead):
    """The mean over the frames (paper: MeanP); blind to their order."""

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Average the frames."""
        return frame_features.mean(dim=1)

    def start_as_identity(self) -> None:
        """Change nothing."""


class Conv(TemporalHead):
    """Each channel convolved over time with a kernel of its own, three frames wide (Conv1D)."""

    def __init__(self, width: int, **_: int | bool) -> None:
        """A quarter of the channels is moved by one frame, a quarter by minus one, half stay."""
        super().__init__(width)
        self.shift = nn.Conv1d(width, width, kernel_size=3, padding=1, groups=width, bias=False)
        quarter = width // 4
        with torch.no_grad():
            self.shift.weight.zero_()
            self.shift.weight[:quarter, 0, 0] = 1
            self.shift.weight[quarter:-quarter, 0, 1] = 1
            self.shift.weight[-quarter:, 0, 2] = 1

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Mix each frame with its neighbours, then average."""
        mixed = self.shift(frame_features.transpose(1, 2)).transpose(1, 2)
        return (frame_features + mixed).mean(dim=1)

    def start_as_identity(self) -> None:
        """Add nothing to the frames."""
        self.shift.weight.zero_()


class ConvOfficial(Conv):
    """`Conv` as the official code runs it: it reads (T, D) as (D, T) without transposing.

    Only for weights that were trained that way: a "frame" of the convolution holds neighbouring
    channels of one frame.
    """

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Mix numbers that are neighbours in memory, then average."""
        batch, num_frames, width = frame_features.shape
        scrambled = frame_features.reshape(batch, width, num_frames)
        mixed = self.shift(scrambled).transpose(1, 2)
        return (frame_features + mixed).mean(dim=1)


class LSTM(TemporalHead):
    """One recurrent layer over the frames, added to them."""

    def __init__(self, width: int, **_: int | bool) -> None:
        super().__init__(width)
        self.lstm_visual = nn.LSTM(width, width, batch_first=True)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Add to every frame the state after it, then average."""
        return (frame_features + self.lstm_visual(frame_features)[0]).mean(dim=1)

    def start_as_identity(self) -> None:
        """Set the candidates to zero: a cell of zeros stays zero."""
        for parameter in self.lstm_visual.parameters():
            parameter.unflatten(0, (4, -1))[2].zero_()  # rows: input, forget, cell, output


class Motion(TemporalHead):
    """What changes in a clip, added to what stays; not in the paper.

    Frames of a clip are far more alike than they differ, and a head that is given them as they are
    first learns what they share. This one is given how each frame departs from the clip's mean,
    brought to one length whatever the encoder, and a recurrent layer reads that in order.
    """

    def __init__(self, width: int, **_: int | bool) -> None:
        super().__init__(width)
        self.norm = nn.LayerNorm(width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.projection = nn.Linear(width, width)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Add a projection of the departures to the mean over the frames."""
        mean = frame_features.mean(dim=1)  # (B, D)
        departures = self.norm(frame_features - mean[:, None])
        return mean + self.projection(self.lstm(departures)[0].mean(dim=1))

    def start_as_identity(self) -> None:
        """Add nothing to the mean."""
        self.projection.weight.zero_()
        self.projection.bias.zero_()


class Transformer(TemporalHead):
    """CLIP's transformer over the frames, with learned positions, added to them (Transf)."""

    has_positions = True

    def __init__(
        self, width: int, *, num_attention_heads: int, num_positions: int, **_: int | bool
    ) -> None:
        super().__init__(width)
        self.frame_position_embeddings = nn.Embedding(num_positions, width)
        blocks = nn.Sequential(*(_Block(width, num_attention_heads) for _ in range(NUM_LAYERS)))
        self.transformer = nn.Sequential(OrderedDict(resblocks=blocks))  # the official names
        nn.init.normal_(self.frame_position_embeddings.weight, std=0.02)
        for module in self.transformer.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=0.02)
                nn.init.zeros_(module.bias)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Let the frames attend to each other, then average."""
        positions = self.frame_position_embeddings.weight
        _check_num_frames(frame_features, len(positions))
        tokens = frame_features + positions[: frame_features.shape[1]]
        return (frame_features + self.transformer(tokens)).mean(dim=1)

    def start_as_identity(self) -> None:
        """Make every block and the positions add nothing."""
        self.frame_position_embeddings.weight.zero_()
        for name, parameter in self.transformer.named_parameters():
            if ".attn.out_proj." in name or ".mlp.c_proj." in name:
                parameter.zero_()


class TransformerCls(TemporalHead):
    """Torch's own transformer over the frames and a class token, which is read off (Transf_cls)."""

    has_positions = True

    def __init__(
        self, width: int, *, num_attention_heads: int, num_positions: int, residual: bool = False
    ) -> None:
        super().__init__(width)
        self.residual = residual
        self.transformer = _ClassTokenTransformer(width, num_attention_heads, num_positions)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Let the class token attend to the frames."""
        gathered = self.transformer(frame_features)
        return gathered + frame_features.mean(dim=1) if self.residual else gathered

    def start_as_identity(self) -> None:
        """Leave the residual alone."""
        for name, parameter in self.transformer.named_parameters():
            if name.startswith("transformer_enc.norm."):
                parameter.zero_()


class _ClassTokenTransformer(nn.Module):
    """The whole of `TransformerCls` but its residual, under the official names."""

    def __init__(self, width: int, num_attention_heads: int, num_positions: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, num_attention_heads, batch_first=True)
        self.transformer_enc = nn.TransformerEncoder(
            layer, NUM_LAYERS, norm=nn.LayerNorm(width), enable_nested_tensor=False
        )
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, num_positions + 1, width))
        linears = [module for module in self.modules() if isinstance(module, nn.Linear)]
        for weight in (self.cls_token, self.pos_embed, *(linear.weight for linear in linears)):
            nn.init.trunc_normal_(weight, std=0.02, a=-0.04, b=0.04)
        for linear in linears:
            nn.init.zeros_(linear.bias)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        batch, num_frames, _ = frame_features.shape
        _check_num_frames(frame_features, self.pos_embed.shape[1] - 1)
        class_token = self.cls_token.expand(batch, -1, -1)
        tokens = torch.cat([class_token, frame_features], dim=1)  # (B, 1+T, D)
        return self.transformer_enc(tokens + self.pos_embed[:, : 1 + num_frames])[:, 0]


class _Block(nn.Module):
    """One layer of `Transformer`: attention, then a perceptron, each added to its input."""

    def __init__(self, width: int, num_attention_heads: int) -> None:
        super().__init__()
        self.attn = nn.MultiheadAttention(width, num_attention_heads, batch_first=True)
        self.ln_1 = nn.LayerNorm(width, eps=1e-12)  # the official eps
        self.mlp = nn.Sequential(
            OrderedDict(
                c_fc=nn.Linear(width, 4 * width),
                gelu=_QuickGELU(),
                c_proj=nn.Linear(4 * width, width),
            )
        )
        self.ln_2 = nn.LayerNorm(width, eps=1e-12)

    def forward(self, tokens: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        normed = self.ln_1(tokens)
        tokens = tokens + self.attn(normed, normed, normed, need_weights=False)[0]
        return tokens + self.mlp(self.ln_2(tokens))


class _QuickGELU(nn.Module):
    """CLIP's approximation of the Gaussian error linear unit."""

    def forward(self, x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
        return x * torch.sigmoid(1.702 * x)


def _check_num_frames(frame_features: Tensor, num_positions: int) -> None:
    num_frames = frame_features.shape[1]
    if num_frames > num_positions:
        raise ValueError(
            f"clips of {num_frames} frames, but the temporal head has learned positions for "
            f"{num_positions}; sample at most {num_positions} frames, or use the head 'mean'"
        )


for _name, _head in {
    "mean": Mean,
    "conv": Conv,
    "conv_official": ConvOfficial,
    "lstm": LSTM,
    "motion": Motion,
    "transformer": Transformer,
    "transformer_cls": TransformerCls,
}.items():
    HEADS.register(_name, _head, checked=True)
