"""LoRA: linear layers stay as they are and learn changes of low rank (Hu et al. 2021), by `peft`.

The changes are merged into the layers when a checkpoint is written, so that what is trained so
loads like any other. Knows no data and no loss.
"""

from __future__ import annotations

import copy

from torch import nn

from actionclip.model.actionclip import ActionCLIP

ALPHA_PER_RANK = 2
"""The changes are multiplied with alpha / rank, so with this."""


def adapt(model: ActionCLIP, rank: int) -> None:
    """Freeze the encoder, and give each of its linear layers a change of this rank to learn.

    Raises:
        ModuleNotFoundError: the extra `lora` is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("LoRA needs peft: pip install 'actionclip[lora]'") from error
    model.encoder.requires_grad_(False)
    # Not the linear layers inside torch's own attention, which reads their weights past them.
    layers = [name for name, m in model.encoder.named_modules() if type(m) is nn.Linear]
    inject_adapter_in_model(
        LoraConfig(r=rank, lora_alpha=ALPHA_PER_RANK * rank, target_modules=layers), model.encoder
    )


def merged(model: ActionCLIP) -> ActionCLIP:
    """Copy the model with the changes put into its layers."""
    from peft.tuners.lora import LoraLayer

    plain = copy.deepcopy(model)
    adapted = [(name, m) for name, m in plain.named_modules() if isinstance(m, LoraLayer)]
    for name, layer in adapted:
        layer.merge()
        plain.set_submodule(name, layer.get_base_layer())
    return plain
