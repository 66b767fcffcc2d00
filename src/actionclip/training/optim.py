"""Which weights are trained, from which start and how fast: freezing, LoRA, AdamW and its schedule.

LoRA adapters (Hu et al. 2021, by `peft`) are merged into their layers when a checkpoint is written,
so that it loads like any other.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from actionclip.model.actionclip import ActionCLIP
from actionclip.training.recipe import Optim

HEADS = ("model.temporal_head.", "model.encoder.projection.", "classifier.")
"""Prefixes of the parameters, in an objective, that learn at the rate of the head."""
LORA_ALPHA_PER_RANK = 2
"""An adapter is scaled by alpha / rank."""
_INITIAL_STD = 0.02
"""Of weights outside layers, such as a class token (as in CLIP's code)."""

Weights = dict[str, Tensor]


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Exclude the parameters with these prefixes from training.

    Raises:
        ValueError: no parameter has one of the prefixes.
    """
    names = [name for name, _ in model.named_parameters()]
    for prefix in prefixes:
        if not any(name.startswith(prefix) for name in names):
            known = sorted({".".join(name.split(".")[:2]) for name in names})
            raise ValueError(
                f"weights.freeze: no parameter's name begins with {prefix!r}; there are {known}"
            )
    for name, parameter in model.named_parameters():
        if name.startswith(tuple(prefixes)):
            parameter.requires_grad_(False)


def reinitialize(tower: nn.Module) -> None:
    """Draw all weights anew from torch's global generator, layers as torch initializes them."""
    for module in tower.modules():
        reset = getattr(module, "reset_parameters", getattr(module, "_reset_parameters", None))
        if reset is not None:
            reset()
            continue
        for parameter in module.parameters(recurse=False):
            nn.init.normal_(parameter, std=_INITIAL_STD)


def add_lora(model: ActionCLIP, rank: int) -> None:
    """Freeze the encoder, and give each of its linear layers an adapter of this rank.

    Raises:
        ModuleNotFoundError: the extra `lora` is not installed.
    """
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("LoRA needs peft: pip install 'actionclip[lora]'") from error
    model.encoder.requires_grad_(False)
    # Not the linear layers inside torch's own attention, which reads their weights directly.
    layers = [name for name, m in model.encoder.named_modules() if type(m) is nn.Linear]
    config = LoraConfig(r=rank, lora_alpha=LORA_ALPHA_PER_RANK * rank, target_modules=layers)
    inject_adapter_in_model(config, model.encoder)


def merge_lora(model: ActionCLIP) -> ActionCLIP:
    """Copy the model with the adapters merged into its layers."""
    from peft.tuners.lora import LoraLayer

    merged = copy.deepcopy(model)
    adapted = [(name, m) for name, m in merged.named_modules() if isinstance(m, LoraLayer)]
    for name, layer in adapted:
        layer.merge()
        merged.set_submodule(name, layer.get_base_layer())
    return merged


def trained(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the parameters that are not frozen, by name."""
    return {name: p for name, p in model.named_parameters() if p.requires_grad}


def copy_weights(parameters: Mapping[str, Tensor]) -> Weights:
    """Copy the weights as they are now."""
    return {name: parameter.detach().clone() for name, parameter in parameters.items()}


@torch.no_grad()
def set_weights(parameters: Mapping[str, Tensor], weights: Mapping[str, Tensor]) -> None:
    """Copy weights into the parameters of the same names."""
    for name, parameter in parameters.items():
        parameter.copy_(weights[name])


def train_mode(model: nn.Module) -> None:
    """Put the modules that are trained into training mode.

    Frozen modules stay in evaluation mode; so does every batch norm, because its statistics would
    make a clip's features depend on the other clips of its micro-batch.
    """
    model.train()
    for module in model.modules():
        is_trained = any(parameter.requires_grad for parameter in module.parameters())
        if isinstance(module, nn.modules.batchnorm._BatchNorm) or not is_trained:
            module.eval()


def adamw(objective: nn.Module, chosen: Optim) -> torch.optim.AdamW:
    """Make the optimizer, with parameter groups for head and towers, with and without decay.

    Raises:
        ValueError: every parameter is frozen.
    """
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in trained(objective).items():
        decays = parameter.ndim > 1 or chosen.decay_norms_and_biases
        groups.setdefault((name.startswith(HEADS), decays), []).append(parameter)
    if not groups:
        raise ValueError("weights.freeze: every parameter is frozen; leave something to train")
    beta1, beta2 = chosen.betas
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": chosen.lr * (chosen.head_lr_ratio if is_head else 1),
                "weight_decay": chosen.weight_decay if decays else 0.0,
            }
            for (is_head, decays), parameters in groups.items()
        ],
        betas=(beta1, beta2),
        eps=1e-8,
        fused=True,
    )


class Schedule:
    """Sets the learning rate of a step: a linear warm-up, then a cosine to zero."""

    def __init__(self, optimizer: torch.optim.Optimizer, chosen: Optim, num_steps: int) -> None:
        """Take the peak rates from the optimizer's groups; an epoch has `num_steps` steps."""
        self.optimizer = optimizer
        self.peaks = [group["lr"] for group in optimizer.param_groups]
        self.chosen = chosen
        self.num_steps = num_steps

    def set_rate(self, step: int) -> float:
        """Set the learning rates of a step, counted from 0; return that of the first group."""
        factor = self._factor(step)
        for group, peak in zip(self.optimizer.param_groups, self.peaks, strict=True):
            group["lr"] = peak * factor
        return self.optimizer.param_groups[0]["lr"]

    def _factor(self, step: int) -> float:
        epochs, warmup = self.chosen.epochs, self.chosen.warmup_epochs
        if self.chosen.schedule == "official":
            # In epochs from 0; it changes at the steps 1, 10, 20, … of an epoch (train.py).
            epoch, step = divmod(step, self.num_steps)
            progress = epoch + max(0, (step + 1) // 10 * 10 - 1) / self.num_steps
            if progress < warmup:
                return progress / warmup
            return _cosine((progress - warmup) / (epochs - warmup))
        num_warmup_steps = round(warmup * self.num_steps)
        if step < num_warmup_steps:
            return (step + 1) / num_warmup_steps
        return _cosine((step - num_warmup_steps) / (epochs * self.num_steps - num_warmup_steps))


def _cosine(progress: float) -> float:
    return (1 + math.cos(math.pi * progress)) / 2
