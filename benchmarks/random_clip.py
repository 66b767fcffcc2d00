"""CLIP with random weights and the real sizes, in the layout of the hub: speed asks for no more.

What reads such a folder, this project or `transformers`, has the very same weights, so that their
answers can be compared. They say nothing of a video, but differ from video to video.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from actionclip.model.encoders import clip_tokenizer
from actionclip.model.layouts import openai

PATCH_SIZES = {"ViT-B/32": 32, "ViT-B/16": 16}
_LOGIT_SCALE = 100.0
"""CLIP's own; the official code tests with it whatever the weights say."""


def write(folder: Path, patch_size: int, num_text_layers: int = 12) -> None:
    """Write one of OpenAI's ViT-B, unless it is there already.

    Args:
        folder: for config.json, the weights and the tokenizer.
        patch_size: 32 or 16.
        num_text_layers: fewer than 12 where texts are not timed.
    """
    if folder.exists():
        return
    from transformers import CLIPConfig, CLIPModel  # late: it is slow

    sizes = openai.Architecture(
        width=512,
        patch_size=patch_size,
        grid_size=224 // patch_size,
        vision_width=768,
        vision_hidden_width=4 * 768,
        num_vision_layers=12,
        text_width=512,
        text_hidden_width=4 * 512,
        num_text_layers=num_text_layers,
        num_tokens=77,
        vocabulary_size=clip_tokenizer.VOCABULARY_SIZE,
        joint_frames=None,
    )
    settings = openai.encoder_config(sizes, openai.Arithmetic(), folder)["transformers"]
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(**settings))
    for name, parameter in model.named_parameters():
        if parameter.ndim == 2:  # wide enough for inputs to make a difference at the end
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        elif name.endswith("class_embedding"):
            nn.init.normal_(parameter, std=0.02)
    nn.init.constant_(model.logit_scale, torch.tensor(_LOGIT_SCALE).log().item())
    model.save_pretrained(folder)
    clip_tokenizer.build().save(str(folder / "tokenizer.json"))


def weights_of(model: str, folder: Path) -> Path:
    """Give what to load for the name of a model; random weights are written into a folder first."""
    if model not in PATCH_SIZES:
        return Path(model)
    weights = folder / model.replace("/", "-")
    write(weights, PATCH_SIZES[model])
    return weights
