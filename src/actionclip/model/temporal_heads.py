"""Temporal heads: the frame features of a clip become one clip feature.

These are the paper's post-network prompts (section 3.3), with the parameters, and the names of
parameters, of the official code, so that its weights load as they are. docs/paper.md lists where
they differ. They know no pixels and no words.

Shapes:
    B: clips   T: frames of a clip   D: shared width
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from actionclip.model.config import ModelConfig

NUM_LAYERS = 6
"""Of both transformer heads (official code, modules/Visual_Prompt.py)."""

INITIALISATIONS = ("identity", "paper")


def build(config: ModelConfig, width: int) -> nn.Module:
    """Make the head that the config names, initialised as the official code does.

    Args:
        config: names the head and its sizes.
        width: D, of the encoder's features.
    """
    builders: dict[str, Callable[[], nn.Module]] = {
        "mean": Mean,
        "conv": lambda: Conv(width),
        "conv_official": lambda: ConvOfficial(width),
        "lstm": lambda: LSTM(width),
        "motion": lambda: Motion(width),
        "transformer": lambda: Transformer(width, config.num_attention_heads, config.num_positions),
        "transformer_cls": lambda: TransformerCls(
            width, config.num_attention_heads, config.num_positions, residual=config.residual
        ),
    }
    return builders[config.temporal_head]()


@torch.no_grad()
def start_as_identity(head: nn.Module) -> None:
    """Set a head's last layers to zero, so that its clip features point where the mean does.

    All but those layers keep their values and training reaches them as soon as the last layers
    have left zero.
    """
    match head:
        case Conv() | ConvOfficial():
            head.shift.weight.zero_()
        case LSTM():
            # A cell whose candidates are zero stays zero; rows are input, forget, cell, output.
            for parameter in head.lstm_visual.parameters():
                parameter.unflatten(0, (4, -1))[2].zero_()
        case Motion():
            head.projection.weight.zero_()
            head.projection.bias.zero_()
        case Transformer():
            head.frame_position_embeddings.weight.zero_()
            for name, parameter in head.transformer.named_parameters():
                if ".attn.out_proj." in name or ".mlp.c_proj." in name:
                    parameter.zero_()
        case TransformerCls():
            for name, parameter in head.transformer.named_parameters():
                if name.startswith("transformer_enc.norm."):
                    parameter.zero_()
        case Mean():
            pass
        case _:
            raise TypeError(f"{type(head).__name__}: start_as_identity has no case for this head")


class Mean(nn.Module):
    """The mean over the frames (paper: MeanP); blind to their order."""

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Average the frames."""
        return frame_features.mean(dim=1)


class Conv(nn.Module):
    """Each channel convolved over time with a kernel of its own, three frames wide (Conv1D)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shift = _depthwise_shift(width)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Mix each frame with its neighbours, then average."""
        mixed = self.shift(frame_features.transpose(1, 2)).transpose(1, 2)
        return (frame_features + mixed).mean(dim=1)


class ConvOfficial(nn.Module):
    """`Conv` as the official code runs it: it reads (T, D) as (D, T) without transposing.

    Only for weights that were trained that way: a "frame" of the convolution holds neighbouring
    channels of one frame.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.shift = _depthwise_shift(width)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Mix what lies three numbers wide in memory, then average."""
        batch, num_frames, width = frame_features.shape
        scrambled = frame_features.reshape(batch, width, num_frames)
        mixed = self.shift(scrambled).transpose(1, 2)
        return (frame_features + mixed).mean(dim=1)


class LSTM(nn.Module):
    """One recurrent layer over the frames, added to them."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.lstm_visual = nn.LSTM(width, width, batch_first=True)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Let every frame know those before it, then average."""
        return (frame_features + self.lstm_visual(frame_features)[0]).mean(dim=1)


class Motion(nn.Module):
    """What changes in a clip, added to what stays; not in the paper.

    Frames of a clip are far more alike than they differ, and a head that is given them as they are
    first learns what they share. This one is given how each frame departs from the clip's mean,
    brought to one length whatever the encoder, and a recurrent layer reads that in order.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.projection = nn.Linear(width, width)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Add what the departures say to the mean over the frames."""
        mean = frame_features.mean(dim=1)  # (B, D)
        departures = self.norm(frame_features - mean[:, None])
        return mean + self.projection(self.lstm(departures)[0].mean(dim=1))


class Transformer(nn.Module):
    """CLIP's transformer over the frames, with learned positions, added to them (Transf)."""

    def __init__(self, width: int, num_attention_heads: int, num_positions: int) -> None:
        super().__init__()
        self.frame_position_embeddings = nn.Embedding(num_positions, width)
        self.transformer = _Blocks(width, num_attention_heads)
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


class TransformerCls(nn.Module):
    """Torch's own transformer over the frames and a class token, which is read off (Transf_cls)."""

    def __init__(
        self, width: int, num_attention_heads: int, num_positions: int, *, residual: bool
    ) -> None:
        super().__init__()
        self.residual = residual
        self.transformer = _ClassTokenTransformer(width, num_attention_heads, num_positions)

    def forward(self, frame_features: Float[Tensor, "B T D"]) -> Float[Tensor, "B D"]:
        """Let the class token gather what the frames say."""
        gathered = self.transformer(frame_features)
        return gathered + frame_features.mean(dim=1) if self.residual else gathered


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


class _Blocks(nn.Module):
    """The layers of `Transformer`, under the official names."""

    def __init__(self, width: int, num_attention_heads: int) -> None:
        super().__init__()
        self.resblocks = nn.Sequential(
            *(_Block(width, num_attention_heads) for _ in range(NUM_LAYERS))
        )

    def forward(self, tokens: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        return self.resblocks(tokens)


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


def _depthwise_shift(width: int) -> nn.Conv1d:
    """A quarter of the channels looks one frame back, a quarter one ahead, the rest stay."""
    shift = nn.Conv1d(width, width, kernel_size=3, padding=1, groups=width, bias=False)
    quarter = width // 4
    with torch.no_grad():
        shift.weight.zero_()
        shift.weight[:quarter, 0, 0] = 1
        shift.weight[quarter:-quarter, 0, 1] = 1
        shift.weight[-quarter:, 0, 2] = 1
    return shift


def _check_num_frames(frame_features: Tensor, num_positions: int) -> None:
    num_frames = frame_features.shape[1]
    if num_frames > num_positions:
        raise ValueError(
            f"clips of {num_frames} frames, but the temporal head has learned positions for "
            f"{num_positions}; sample at most {num_positions} frames, or use the head 'mean'"
        )
