"""Where a model runs and which numbers its towers compute with: requests become what torch takes.

bf16 halves what a tower reads, and is several times faster where the device multiplies it in
hardware; elsewhere it is emulated, and slower than fp32. Knows no model.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class Choice(NamedTuple):
    """The result of `choose`."""

    dtype: torch.dtype
    reason: str


def device(name: str | torch.device) -> torch.device:
    """Make a device of its name, if this machine and this build of torch have it.

    Raises:
        ValueError: there is no such device; says what there is.
    """
    try:
        found = torch.device(name)
    except (RuntimeError, ValueError) as error:
        hint = "; a GPU of NVIDIA or AMD is 'cuda'" if "gpu" in str(name).lower() else ""
        raise ValueError(f"device: unknown {str(name)!r}; known here: {_known()}{hint}") from error
    if found.type not in ("cpu", "cuda", "mps", "xpu"):
        raise ValueError(f"device: unknown {str(name)!r}; known here: {_known()}")
    if found.type == "cpu":
        return found
    kind = getattr(torch, found.type)
    if not kind.is_available():
        built = found.type != "cuda" or torch.version.cuda or torch.version.hip
        reason = "there is no such GPU" if built else "this build of torch is for CPUs only"
        raise ValueError(f"device: {str(name)!r} cannot be used, {reason}; known here: {_known()}")
    if found.index is not None and found.index >= kind.device_count():
        raise ValueError(f"device: there is no {str(name)!r}; known here: {_known()}")
    return found


def choose(precision: str, device: torch.device, *, wants_fp32: bool = False) -> Choice:
    """Resolve a requested precision on a device.

    Where the result is fp32 on a GPU, convolutions compute in it too from now on: torch lets them
    round to TF32, with 10 bits of 23, unless told otherwise.

    Args:
        precision: "fp32", "bf16" or "auto".
        device: where the towers are.
        wants_fp32: as `Encoder` says of itself.

    Raises:
        ValueError: the precision is not one of the three.
    """
    choice = _choose(precision, device, wants_fp32=wants_fp32)
    if device.type == "cuda" and choice.dtype == torch.float32:
        torch.backends.cudnn.allow_tf32 = False
    return choice


def _choose(precision: str, device: torch.device, *, wants_fp32: bool) -> Choice:
    match precision:
        case "fp32":
            return Choice(torch.float32, "fp32 was requested")
        case "bf16":
            return Choice(torch.bfloat16, "bf16 was requested")
        case "auto" if wants_fp32:
            return Choice(torch.float32, "bf16 changes the answers of this model")
        case "auto":
            return _fastest(device)
    raise ValueError(f"precision: unknown {precision!r}; known: 'fp32', 'bf16', 'auto'")


def _known() -> str:
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ", ".join(["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])])


def _fastest(device: torch.device) -> Choice:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Choice(torch.bfloat16, "this GPU multiplies bf16 in hardware")
        return Choice(torch.float32, "this GPU has no bf16 in hardware")
    if device.type == "cpu":
        # torch has no public test of this that reaches back to 2.6.
        if torch.cpu._is_amx_tile_supported():
            return Choice(torch.bfloat16, "this CPU multiplies bf16 in hardware (AMX)")
        if torch.cpu._is_avx512_bf16_supported():
            return Choice(torch.bfloat16, "this CPU multiplies bf16 in hardware (AVX512-BF16)")
        return Choice(torch.float32, "this CPU has neither AMX nor AVX512-BF16")
    return Choice(torch.float32, f"bf16 is not known to be fast on {device.type}")
