"""Weight files of many projects become the weights of one CLIP, by OpenAI's names.

`PROJECTS` lists how each is detected and how its names differ from OpenAI's; one loop applies it.
Prefixes of wrappers (DataParallel, torch.compile, FSDP, Lightning) are removed. What would change
the computation and is not plain CLIP is refused by its name.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from actionclip.model import pickles


class Project(NamedTuple):
    """How the files of a project are detected, and what follows from it."""

    name: str
    key: str = ""
    """Of the outermost dict of its files."""
    weight: str = ""
    """A pattern of the name of a weight that only its files have."""
    renames: tuple[tuple[str, str], ...] = ()
    """Patterns and replacements that give OpenAI's names."""
    is_openai: bool = True
    """Whether it computes as OpenAI's code: with QuickGELU, and heads of width 64."""

    def is_of(self, content: Mapping[str, Any], names: Mapping[str, Tensor]) -> bool:
        """Whether a file is of this project."""
        has_weight = bool(self.weight) and any(re.search(self.weight, name) for name in names)
        return self.key in content or has_weight


PROJECTS = (
    Project("OpenAI", weight=r"^(input_resolution|context_length|vocab_size)$"),
    Project("ActionCLIP", key="fusion_model_state_dict"),  # the temporal head
    Project("mmaction2", weight=r"^adapter\."),  # the temporal head, beside `clip.`
    Project(
        "open_clip with custom_text",
        weight=r"(^|\.)text\.ln_final\.weight$",
        renames=((r"(^|\.)text\.", r"\1"),),
        is_openai=False,
    ),
    Project(
        "CoOp's towers",
        weight=r"(^|\.)image_encoder\.class_embedding$",
        renames=(
            (r"image_encoder\.", "visual."),
            (r"(^|\.)text_encoder\.", r"\1"),
            (r"prompt_learner\.(token_embedding\.weight)", r"\1"),
        ),
        is_openai=False,
    ),
    Project("ViFi-CLIP", weight=r"^prompt_learner\."),
    Project("Open-VCLIP", key="model_state"),
    Project("Long-CLIP", weight=r"^positional_embedding_res$"),
)


@dataclass(frozen=True)
class State:
    """The weights of one CLIP, and what else the file specifies."""

    towers: dict[str, Tensor]
    """By OpenAI's names, not checked to be complete."""
    head: dict[str, Tensor]
    """Of the temporal head, by the names of the official code."""
    is_openai: bool
    """Whether the file can only be of code that computes as OpenAI's does."""
    num_frames: int | None
    """Of a clip; None where it is unknown."""
    pixel_mean: tuple[float, ...] | None
    """Of pixels 0…1; None where it is unknown."""
    pixel_std: tuple[float, ...] | None
    token_samples: Tensor | None
    """Embeddings of some tokens, in a file that has no others (ViFi-CLIP)."""
    temporal_view: str | None
    """How the frames of an Open-VCLIP see each other, which has no weights of its own; "" if they
    are encoded alone, None where it is unknown."""


_WRAPPERS = frozenset(
    ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
)
_STATES = ("model_state_dict", "state_dict", "model_state", "model", "module", "net", "network")
"""Keys under which training loops store weights, in the order in which they are tried."""
_MARKS = ("input_resolution", "context_length", "vocab_size")
"""Numbers that OpenAI's archives have beside the weights."""
_ANCHOR = "visual.class_embedding"
_COPY = re.compile(
    r"(^|_)(raw|teacher|ema|momentum|frozen|zero_?shot|orig|original|reference)(_|$)"
)
"""In the name of a CLIP that is stored for comparison, beside the one that was trained."""
_TOWERS = re.compile(
    r"visual\.|transformer\.resblocks\.|token_embedding\.weight$|positional_embedding(_res)?$|"
    r"ln_final\.|text_projection$|logit_scale$"
)
_HARMLESS = re.compile(
    r"logit_bias$|(.*\.)?attn_mask$|prompt_learner\.(complete_text_embeddings|token_(pre|suf)fix)$|"
    r"data_preprocessor\.(mean|std)$|text_encoder\.attn_mask$|(.*\.)?position_ids$|n_averaged$"
)
"""Constants, counters, and numbers that shift all labels alike."""
_SHORT_POSITIONS = 20
"""Of Long-CLIP: as many of CLIP's positions are unchanged, the others were learnt."""


def find(content: Mapping[str, Any], path: Path) -> State:
    """Find the CLIP that a file holds.

    Raises:
        ValueError: it holds none, several, or one that is more than its plain towers.
    """
    names = _simplified(content, _weights_in(content), path)
    if any(re.search(r"(^|\.)visual\.layer1\.", name) for name in names):
        raise ValueError(
            f"{path}: its vision tower is a ResNet, and only vision transformers are supported; "
            "load a ViT such as openai/clip-vit-base-patch16"
        )
    for pattern, family, way_out in _FAMILIES:
        if found := next((name for name in names if re.search(pattern, name)), None):
            raise ValueError(
                f"{path}: is {family}: {found} changes what the towers compute, which is not "
                f"supported; {way_out}"
            )
    prefix, copies = _prefixes(names, path)
    inside = {
        name.removeprefix(prefix): tensor
        for name, tensor in names.items()
        if not name.startswith(copies)
    }
    towers = {n: t for n, t in inside.items() if _TOWERS.match(n) or n in _MARKS}
    if not any(name.startswith("transformer.") for name in towers):
        raise ValueError(f"{path}: {_NO_TEXT_TOWER}")
    head: dict[str, Tensor] = {}
    if prefix.endswith("clip."):
        head = {n.removeprefix("adapter."): t for n, t in inside.items() if n[:8] == "adapter."}
    for name in inside:
        is_of_head = name.removeprefix("adapter.") in head
        if not (name in towers or is_of_head or _HARMLESS.match(name)):
            raise ValueError(
                f"{path}: holds weights beside the towers of CLIP that are not known to the model: "
                f"{name}; save the towers alone, by OpenAI's names"
            )
    if "fusion_model_state_dict" in content:
        head = _simplified(content, _tensors(content["fusion_model_state_dict"]), path)
    is_openai = any(project.is_openai and project.is_of(content, inside) for project in PROJECTS)
    if "positional_embedding_res" in towers:
        short = towers["positional_embedding"][:_SHORT_POSITIONS]
        learnt = towers.pop("positional_embedding_res")[_SHORT_POSITIONS:]
        towers["positional_embedding"] = torch.cat([short, learnt])
    return State(
        {name: tensor for name, tensor in towers.items() if name not in _MARKS},
        head,
        is_openai,
        _num_frames(content),
        _pixels(inside, "mean"),
        _pixels(inside, "std"),
        inside.get("prompt_learner.complete_text_embeddings"),
        _temporal_view(content),
    )


def _weights_in(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """Find the tensors that training loops store under one key or another."""
    for key in _STATES:
        inside = content.get(key)
        if isinstance(inside, Mapping) and (found := _weights_in(inside)):
            return found
    return _tensors(content)


def _tensors(state: Any) -> dict[str, Tensor]:  # noqa: ANN401 - whatever the file holds
    if not isinstance(state, Mapping):
        return {}
    return {str(name): each for name, each in state.items() if isinstance(each, Tensor)}


def _simplified(
    content: Mapping[str, Any], state: Mapping[str, Tensor], path: Path
) -> dict[str, Tensor]:
    """Remove wrappers from the names, and write all projects' names of the towers as OpenAI's."""
    names = {".".join(p for p in n.split(".") if p not in _WRAPPERS): t for n, t in state.items()}
    for project in PROJECTS:
        if project.renames and project.is_of({}, names):
            renamed: dict[str, Tensor] = {}
            for name, tensor in names.items():
                for pattern, replacement in project.renames:
                    name = re.sub(pattern, replacement, name)
                renamed[name] = tensor
            names = renamed
    if len(names) < len(state):
        raise ValueError(f"{path}: holds several models; save the one that is meant alone")
    return names


def _prefixes(names: Mapping[str, Tensor], path: Path) -> tuple[str, tuple[str, ...]]:
    """Find what stands before the names of the towers, and before those of copies.

    Raises:
        ValueError: there are no towers of CLIP, or several.
    """
    anchor = re.compile(rf"(^|\.){re.escape(_ANCHOR)}$")
    prefixes = sorted({name.removesuffix(_ANCHOR) for name in names if anchor.search(name)})
    trained = [p for p in prefixes if not any(_COPY.search(part) for part in re.split(r"\W", p))]
    if len(trained) == 1:
        return trained[0], tuple(prefix for prefix in prefixes if prefix != trained[0])
    if prefixes:
        shown = ", ".join(repr(f"{prefix}visual") for prefix in prefixes)
        raise ValueError(f"{path}: holds several CLIPs, {shown}; save the one that is meant alone")
    for pattern, what in _WITHOUT_TOWERS:
        if any(re.search(pattern, name) for name in names):
            raise ValueError(f"{path}: {what}")
    raise ValueError(
        f"{path}: the layout is not known, it begins with {list(names)[:3]}; known: ActionCLIP's "
        "(model_state_dict), mmaction2's and open_clip's (state_dict), OpenAI CLIP's (visual.…), "
        "ViFi-CLIP's and Open-VCLIP's"
    )


_NO_TEXT_TOWER = (
    "holds a model of images or videos without a text tower; labels cannot be compared with it, "
    "load a CLIP that has both towers"
)
_WITHOUT_TOWERS = (
    (
        r"(^|\.)(vision_model|text_model)\.(embeddings|encoder)\.",
        "its weights have the names of the transformers library, which do not describe the model; "
        "put the config.json that belongs to them beside the file",
    ),
    (
        r"(^|\.)(token_embedding|text_model|text_encoder)\.",
        "holds a text tower but no vision tower of CLIP; load a file that has both towers",
    ),
    (
        r"(^|\.)(cls_token|class_embedding|patch_embed|layer1|layers\.0|fc_cls)\b",
        _NO_TEXT_TOWER,
    ),
)
"""Names of weights in a file without the towers of a CLIP, and what it holds."""

_TRAIN_A_PLAIN_ONE = (
    "a plain CLIP such as openai/clip-vit-base-patch16, and train it by `actionclip train`"
)
_PLAIN = f"load {_TRAIN_A_PLAIN_ONE}"
_FAMILIES = (
    (
        r"(^|\.)lora_",
        "an adapter (LoRA)",
        "merge it into its model (peft: merge_and_unload) and save that",
    ),
    (r"(^|\.)(mit|prompts_generator|prompts_visual_\w+)(\.|$)|\.message_\w+\.", "X-CLIP", _PLAIN),
    (
        r"\.(\w_|MLP_)?Adapter\.|(^|\.)temporal_embedding$|\.T_prompt_embeddings$|\.adapter_pre_\w+\.",
        "a CLIP with adapters (as of AIM, EZ-CLIP or ST-Adapter)",
        _PLAIN,
    ),
    (
        r"\.VPT\w*$|(^|\.)prompt_learner\.(ctx|proj|compound_prompts)",
        "a CLIP with learnt prompts (as of ViFi-CLIP or MaPLe)",
        f"load one whose towers were fine-tuned, or {_TRAIN_A_PLAIN_ONE}",
    ),
    (
        r"\.(stadapt_\w+|experts_(head|tail)|routing\d?)\.",
        "an Open-VCLIP with adapters or experts",
        _PLAIN,
    ),
    (r"(^|\.)text_decoder\.", "a CoCa", _PLAIN),
    (
        r"(^|\.)visual\.trunk\.",
        "a CLIP or SigLIP of open_clip whose vision tower is of timm",
        "load it by its name on the hub in the layout of transformers, such as "
        "google/siglip-base-patch16-224",
    ),
    (r"(^|\.)visual\.blocks\.\d+\.", "an EVA-CLIP", _PLAIN),
    (
        r"(^|\.)text\.(transformer\.(embeddings|encoder|wte)|model)\.",
        "a CLIP whose text tower is of transformers",
        _PLAIN,
    ),
    (r"\.ls_[12]\.gamma$", "a CLIP with layer scale", _PLAIN),
    (
        r"\.attn\.(ln_q|ln_k|q_norm|k_norm|inner_attn_ln|rope)\b|\.mlp\.(w1|w2|w3|ffn_ln)\b",
        "a CLIP with other blocks than those of OpenAI",
        _PLAIN,
    ),
    (r"(^|\.)visual\.attn_pool\w*\.", "a CLIP that pools by attention", _PLAIN),
)
"""Names of weights that change what the towers compute, whose they are, and the way out."""


def _num_frames(content: Mapping[str, Any]) -> int | None:
    """Read the number of frames off the settings that SlowFast and ViFi-CLIP store."""
    if isinstance(settings := content.get("cfg"), str):
        found = re.search(r"^\s*NUM_FRAMES: *(\d+)$", settings, re.MULTILINE)
        return int(found[1]) if found else None
    number = _entry(_entry(content.get("config"), "DATA"), "NUM_FRAMES")
    return number if isinstance(number, int) and number > 0 else None


def _entry(settings: object, key: str) -> object:
    if isinstance(settings, pickles.Inert):
        settings = settings.items
    return settings.get(key) if isinstance(settings, Mapping) else None


def _temporal_view(content: Mapping[str, Any]) -> str | None:
    settings = content.get("cfg")
    if not isinstance(settings, str):
        return None
    found = re.search(r"^\s*TEMPORAL_MODELING_TYPE: *(.*)$", settings, re.MULTILINE)
    name = found[1].strip("\"' ") if found else ""
    return "" if name.lower() in ("", "none", "null", "false", "~") else name


def _pixels(names: Mapping[str, Tensor], which: str) -> tuple[float, ...] | None:
    """Read what mmaction2 subtracts from pixels 0…255, or divides them by."""
    tensor = names.get(f"data_preprocessor.{which}")
    return None if tensor is None else tuple((tensor.flatten().double() / 255).tolist())
