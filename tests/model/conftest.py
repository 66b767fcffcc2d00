"""Tiny models: CLIP as OpenAI wrote it, with the official heads, as a reference to compare with."""

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from actionclip.model.actionclip import ActionCLIP

NUM_TOKENS = 12
VOCABULARY_SIZE = 50


class Block(nn.Module):
    def __init__(self, width: int, num_heads: int | None, *, gelu: bool) -> None:
        super().__init__()
        self.gelu = gelu
        self.attn = nn.MultiheadAttention(width, num_heads or width // 64)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = nn.Sequential(
            OrderedDict(c_fc=nn.Linear(width, 4 * width), c_proj=nn.Linear(4 * width, width))
        )
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, attn_mask=mask, need_weights=False)[0]
        y = self.mlp.c_fc(self.ln_2(x))
        return x + self.mlp.c_proj(F.gelu(y) if self.gelu else y * torch.sigmoid(1.702 * y))


class Blocks(nn.Module):
    def __init__(self, width: int, num_layers: int, num_heads: int | None, *, gelu: bool) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(
            [Block(width, num_heads, gelu=gelu) for _ in range(num_layers)]
        )

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        x = x.transpose(0, 1)  # (length, N, width), as OpenAI has it
        for block in self.resblocks:
            x = block(x, mask)
        return x.transpose(0, 1)


class Vision(nn.Module):
    def __init__(self, width: int, shared_width: int, num_heads: int | None, *, gelu: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 8, 8, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(width) * 0.1)
        self.positional_embedding = nn.Parameter(torch.randn(5, width) * 0.1)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Blocks(width, 2, num_heads, gelu=gelu)
        self.ln_post = nn.LayerNorm(width)
        self.proj = nn.Parameter(torch.randn(width, shared_width) * 0.1)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        x = self.conv1(frames).flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(len(x), 1, -1), x], dim=1)
        x = self.transformer(self.ln_pre(x + self.positional_embedding), None)
        return self.ln_post(x[:, 0]) @ self.proj


class ReferenceClip(nn.Module):
    """OpenAI's arithmetic by OpenAI's names: 16 by 16 pixels, patches of 8, two layers a tower.

    open_clip's has GELU and other numbers of heads.
    """

    def __init__(
        self,
        width: int = 64,
        shared_width: int = 32,
        *,
        vision_heads: int | None = None,
        text_heads: int | None = None,
        gelu: bool = False,
        num_tokens: int = NUM_TOKENS,
    ) -> None:
        super().__init__()
        self.visual = Vision(width, shared_width, vision_heads, gelu=gelu)
        self.transformer = Blocks(width, 2, text_heads, gelu=gelu)
        self.token_embedding = nn.Embedding(VOCABULARY_SIZE, width)
        self.positional_embedding = nn.Parameter(torch.randn(num_tokens, width) * 0.1)
        self.ln_final = nn.LayerNorm(width)
        self.text_projection = nn.Parameter(torch.randn(width, shared_width) * 0.1)
        self.logit_scale = nn.Parameter(torch.tensor(3.0))

    def encode_text(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.token_embedding(tokens) + self.positional_embedding
        mask = torch.full((tokens.shape[1], tokens.shape[1]), float("-inf")).triu(1)
        x = self.ln_final(self.transformer(x, mask))
        return x[torch.arange(len(x)), tokens.argmax(dim=-1)] @ self.text_projection

    def forward(self, frames: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        frame_features = F.normalize(self.visual(frames), dim=-1)
        return frame_features @ F.normalize(self.encode_text(tokens), dim=-1).T


@pytest.fixture
def reference_clip() -> ReferenceClip:
    torch.manual_seed(0)
    return ReferenceClip().eval()


@pytest.fixture
def make_reference() -> Callable[..., ReferenceClip]:
    """Make a reference with other heads, activation or positions."""

    def make(**settings: bool | int) -> ReferenceClip:
        torch.manual_seed(0)
        return ReferenceClip(**settings).eval()  # type: ignore[arg-type]

    return make


@pytest.fixture
def tokens() -> torch.Tensor:
    """Token ids of four texts of different lengths; the end token is the highest id."""
    ids = torch.randint(1, VOCABULARY_SIZE - 2, (4, NUM_TOKENS))
    for row, length in enumerate((3, 5, 8, NUM_TOKENS)):
        ids[row, length - 1] = VOCABULARY_SIZE - 1
        ids[row, length:] = 0
    return ids


@pytest.fixture
def official_file(
    reference_clip: ReferenceClip, tmp_path: Path
) -> Callable[[dict[str, torch.Tensor]], Path]:
    """Write the reference's towers with a head of these weights, as the official code saves."""

    def write(head: dict[str, torch.Tensor]) -> Path:
        path = tmp_path / "official.pt"
        fusion = {f"module.{name}": tensor for name, tensor in head.items()}
        towers = reference_clip.state_dict()
        torch.save(
            {"epoch": 1, "model_state_dict": towers, "fusion_model_state_dict": fusion}, path
        )
        return path

    return write


@pytest.fixture
def tiny_model(official_file: Callable[[dict[str, torch.Tensor]], Path]) -> ActionCLIP:
    """A CLIP of width 32 with random weights and the head `mean`."""
    return ActionCLIP.load(official_file({}))


@pytest.fixture
def clips() -> torch.Tensor:
    """Three clips of eight frames, RGB in 0…1."""
    return torch.rand(3, 8, 3, 16, 16, generator=torch.Generator().manual_seed(1))
