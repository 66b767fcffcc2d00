"""Which numbers the towers compute with: a request and a device become a precision and its reason.

bf16 halves what a tower reads, and is several times faster where the device multiplies it in
hardware; elsewhere it is emulated, and slower than fp32. Knows no model.
"""

from __future__ import annotations

from typing import NamedTuple

import torch


class Choice(NamedTuple):
    """What `auto` came to."""

    dtype: torch.dtype
    reason: str


def choose(
    precision: str, device: torch.device, *, only_fp32_is_fast_on_cpu: bool = False
) -> Choice:
    """Resolve what was asked for on a device.

    Args:
        precision: "fp32", "bf16" or "auto".
        device: where the towers are.
        only_fp32_is_fast_on_cpu: as `Encoder` says of itself.

    Raises:
        ValueError: the precision is not one of the three.
    """
    match precision:
        case "fp32":
            return Choice(torch.float32, "fp32 was asked for")
        case "bf16":
            return Choice(torch.bfloat16, "bf16 was asked for")
        case "auto" if only_fp32_is_fast_on_cpu and device.type == "cpu":
            return Choice(torch.float32, "this CPU computes this model by a runtime without bf16")
        case "auto":
            return _fastest(device)
    raise ValueError(f"precision: unknown {precision!r}; known: 'fp32', 'bf16', 'auto'")


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
