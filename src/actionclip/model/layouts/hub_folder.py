"""A folder in the layout of `transformers`, config.json and weights, becomes a checkpoint.

CLIP, MetaCLIP, SigLIP and SigLIP 2 of fixed resolution, in safetensors (one file or several) or as
pytorch_model.bin. `hub` fetches such folders.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, normalizers
from torch import Tensor

from actionclip.model import encoders, weights
from actionclip.model.checkpoint import Checkpoint, read_json
from actionclip.model.config import ModelConfig
from actionclip.model.encoders import clip, clip_tokenizer
from actionclip.model.layouts import openai

logger = logging.getLogger(__name__)

CONFIG = "config.json"
OPTIONAL_FILES = (
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "classifier.safetensors",
)
WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)
"""Where weights are looked for, in this order."""

_GEMMA_VOCABULARY_SIZE = 256000


def read(folder: Path, path: Path | None = None) -> Checkpoint:
    """Read a folder.

    Args:
        folder: holds config.json.
        path: of the weights in it; by default the first of `WEIGHTS`.

    Raises:
        FileNotFoundError: there are no weights in it.
        ValueError: the model is of another kind, or tensors are missing, extra or wrongly shaped.
    """
    settings = read_json(folder / CONFIG)
    model_type = settings.pop("model_type", None)
    if model_type not in clip.MODEL_TYPES:
        raise ValueError(f"{folder}: {_refusal(model_type)}")
    mean, std = _pixel_statistics(folder, model_type)
    with encoders.refusing_settings(folder / CONFIG):
        described = clip.encoder_config(model_type, settings, mean, std)
        text = described["transformers"]["text_config"]
        heads = max(1, text["hidden_size"] // 64)  # the official rule for the head `transformer`
        config = ModelConfig(model_type, described, num_attention_heads=heads)
        encoder = clip.ClipEncoder.build(config, None)
    found = {
        name: tensor
        for name, tensor in _read_weights(folder, path).items()
        if not name.endswith(".position_ids")  # older files hold these constants
    }
    if found.pop("logit_bias", None) is not None:
        logger.info("%s: left out logit_bias, which is the same for all labels", folder)
    converted = openai.convert(found, encoder, openai.TRANSFORMERS, folder)
    return Checkpoint(str(folder), config, converted, _tokenizer(folder, model_type, text))


def _refusal(model_type: object) -> str:
    if model_type == "siglip2":
        return (
            "a SigLIP 2 of free resolution (NaFlex), which is not supported; take one of fixed "
            "resolution, such as google/siglip2-base-patch16-224"
        )
    if isinstance(model_type, str) and model_type.endswith("_vision_model"):
        return (
            f"an image-only model ({model_type}) without a text tower; labels cannot be compared "
            "with it, load a CLIP that has both towers"
        )
    if model_type == "xclip":
        return (
            "an X-CLIP, whose frames exchange messages, which is not supported; load a plain CLIP "
            "such as openai/clip-vit-base-patch16, and train it by `actionclip train`"
        )
    return (
        f"{CONFIG} names the model type {model_type!r}; known: {list(clip.MODEL_TYPES)}, and "
        "directories that ActionCLIP.save wrote"
    )


def _read_weights(folder: Path, path: Path | None) -> Mapping[str, Tensor]:
    path = path or next((folder / name for name in WEIGHTS if (folder / name).is_file()), None)
    if path is None:
        raise FileNotFoundError(f"{folder}: holds no weights; expected one of {list(WEIGHTS)}")
    if path.suffix != ".json":
        return weights.read(path)
    merged = {}
    for shard in shards(path):
        if not (folder / shard).is_file():
            raise FileNotFoundError(
                f"{folder / shard}: no such file, but {path.name} names it; fetch the model again"
            )
        merged.update(weights.read(folder / shard))
    return merged


def shards(index: Path) -> list[str]:
    """List the weight files that an index names, all of them in its own folder.

    Raises:
        ValueError: it is no index, or names a file elsewhere.
    """
    names = read_json(index).get("weight_map")
    if not isinstance(names, Mapping) or not names:
        raise ValueError(f"{index}: is no index of weights, it has no weight_map; fetch it again")
    for name in names.values():
        if not isinstance(name, str) or not re.fullmatch(r"\w[\w.-]*", name):
            raise ValueError(
                f"{index}: refused, it names {name!r} as a file of weights; files of a model lie "
                "beside its index, get the model from where you trust"
            )
    return sorted(set(names.values()))


def _pixel_statistics(folder: Path, model_type: str) -> tuple[list[float], list[float]]:
    """Read what is subtracted from pixels 0…1, and what they are divided by."""
    settings: dict[str, Any] = {}
    path = folder / "preprocessor_config.json"
    if path.is_file():
        settings = read_json(path)
    elif (folder / "processor_config.json").is_file():
        path = folder / "processor_config.json"
        settings = read_json(path).get("image_processor") or {}
    if model_type == "siglip":
        usual = [0.5] * 3, [0.5] * 3
    else:
        usual = list(openai.PIXEL_MEAN), list(openai.PIXEL_STD)
    if settings.get("do_normalize", True):
        mean = _of_each_colour(settings.get("image_mean", usual[0]))
        std = _of_each_colour(settings.get("image_std", usual[1]))
    else:
        mean, std = [0.0] * 3, [1.0] * 3
    scale = settings.get("rescale_factor", 1 / 255) if settings.get("do_rescale", True) else 1.0
    is_scale = isinstance(scale, int | float) and scale > 0
    if mean is None or std is None or not is_scale or min(std) <= 0:
        raise ValueError(
            f"{path}: image_mean, image_std and rescale_factor are no numbers that pixels can be "
            "scaled by; fetch it again"
        )
    if round(255 * scale, 4) == 1:
        return mean, std
    return [m / (255 * scale) for m in mean], [s / (255 * scale) for s in std]


def _of_each_colour(value: object) -> list[float] | None:
    """Return three numbers, for one or three; None for anything else."""
    given = value if isinstance(value, list) else [value] * 3
    numbers = [float(number) for number in given if isinstance(number, int | float)]
    return numbers if len(numbers) == len(given) == 3 else None


def _tokenizer(folder: Path, model_type: str, text: Mapping[str, Any]) -> Tokenizer | None:
    """Find the tokenizer; it pads and truncates as the text tower needs."""
    vocabulary_size, num_tokens = text["vocab_size"], text["max_position_embeddings"]
    if (folder / "tokenizer.json").is_file():
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    elif model_type == "clip" and (folder / "merges.txt").is_file():
        tokenizer = _from_merges(folder)
    elif model_type == "clip":
        return clip_tokenizer.for_vocabulary(vocabulary_size, num_tokens)
    else:
        return None
    tokenizer.enable_truncation(num_tokens)
    if model_type != "siglip":
        tokenizer.enable_padding()  # nothing after the end token is read
        return tokenizer
    if vocabulary_size == _GEMMA_VOCABULARY_SIZE:
        # SigLIP 2 saw lower-case captions only, which Gemma's tokenizer does not know.
        before = [] if tokenizer.normalizer is None else [tokenizer.normalizer]
        tokenizer.normalizer = normalizers.Sequence([normalizers.Lowercase(), *before])
    pad_token = _pad_token(folder)
    pad_id = tokenizer.token_to_id(pad_token)
    if pad_id is None:
        raise ValueError(f"{folder}/tokenizer.json: lacks the padding token {pad_token!r}")
    # SigLIP reads the last place, and was trained with padding up to it.
    tokenizer.enable_padding(pad_id=pad_id, pad_token=pad_token, length=num_tokens)
    return tokenizer


def _from_merges(folder: Path) -> Tokenizer:
    lines = (folder / "merges.txt").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(" ") for line in lines if line and not line.startswith("#version")]
    return clip_tokenizer.from_merges(
        read_json(folder / "vocab.json"), [(first, second) for first, second in pairs]
    )


def _pad_token(folder: Path) -> str:
    settings: dict[str, Any] = {}
    if (folder / "tokenizer_config.json").is_file():
        settings = read_json(folder / "tokenizer_config.json")
    token = settings.get("pad_token", "</s>")
    return token["content"] if isinstance(token, dict) else token
