"""Where a model computes, in which precision, and with how many threads.

bf16 halves what a tower reads, and is several times faster where the device multiplies it in
hardware; elsewhere it is emulated, and slower than fp32. On a CPU several clips go through a tower
at a time, each by one thread: the layers of one clip are small, so threads that share a layer wait
for each other more often than they work.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import torch

from actionclip import prefetch

Item = TypeVar("Item")
Result = TypeVar("Result")


class Precision(NamedTuple):
    """The result of `choose_precision`."""

    dtype: torch.dtype
    reason: str


def find(name: str | torch.device) -> torch.device:
    """Return a device by its name, if this machine and this build of torch have it.

    Raises:
        ValueError: there is no such device; names those that there are.
    """
    try:
        device = torch.device(name)
    except (RuntimeError, ValueError) as error:
        hint = "; a GPU of NVIDIA or AMD is 'cuda'" if "gpu" in str(name).lower() else ""
        raise ValueError(f"device: unknown {str(name)!r}; known here: {_known()}{hint}") from error
    if device.type not in ("cpu", "cuda", "mps", "xpu"):
        raise ValueError(f"device: unknown {str(name)!r}; known here: {_known()}")
    if device.type == "cpu":
        return device
    kind = getattr(torch, device.type)
    if not kind.is_available():
        built = device.type != "cuda" or torch.version.cuda or torch.version.hip
        reason = "there is no such GPU" if built else "this build of torch is for CPUs only"
        raise ValueError(f"device: {str(name)!r} cannot be used, {reason}; known here: {_known()}")
    if device.index is not None and device.index >= kind.device_count():
        raise ValueError(f"device: there is no {str(name)!r}; known here: {_known()}")
    return device


def _known() -> str:
    gpus = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    return ", ".join(["cpu", *gpus, *(["mps"] if torch.backends.mps.is_available() else [])])


def choose_precision(
    precision: str, device: torch.device, *, wants_fp32: bool = False
) -> Precision:
    """Resolve a requested precision on a device.

    Where the result is fp32 on a GPU, convolutions compute in it too from now on: by default torch
    lets them round to TF32, with 10 bits of 23.

    Args:
        precision: "fp32", "bf16" or "auto".
        device: of the towers.
        wants_fp32: as in `Encoder`.

    Raises:
        ValueError: the precision is not one of the three.
    """
    match precision:
        case "fp32":
            choice = Precision(torch.float32, "fp32 was requested")
        case "bf16":
            choice = Precision(torch.bfloat16, "bf16 was requested")
        case "auto" if wants_fp32:
            choice = Precision(torch.float32, "bf16 changes the results of this model")
        case "auto":
            choice = _fastest(device)
        case _:
            raise ValueError(f"precision: unknown {precision!r}; known: 'fp32', 'bf16', 'auto'")
    if device.type == "cuda" and choice.dtype == torch.float32:
        torch.backends.cudnn.allow_tf32 = False
    return choice


def _fastest(device: torch.device) -> Precision:
    if device.type == "cuda":
        if torch.cuda.is_bf16_supported(including_emulation=False):
            return Precision(torch.bfloat16, "this GPU multiplies bf16 in hardware")
        return Precision(torch.float32, "this GPU has no bf16 in hardware")
    if device.type == "cpu":
        # torch has no public test of this that reaches back to 2.6.
        if torch.cpu._is_amx_tile_supported():
            return Precision(torch.bfloat16, "this CPU multiplies bf16 in hardware (AMX)")
        if torch.cpu._is_avx512_bf16_supported():
            return Precision(torch.bfloat16, "this CPU multiplies bf16 in hardware (AVX512-BF16)")
        return Precision(torch.float32, "this CPU has neither AMX nor AVX512-BF16")
    return Precision(torch.float32, f"bf16 is not known to be fast on {device.type}")


def parallel_map(
    function: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> Generator[Result]:
    """Apply a function to items, and yield the results in order.

    Args:
        function: runs a model on an item; on a CPU several threads call it at a time.
        items: one more than there are threads is prefetched. A single one gets all threads.
        device: of the model; a GPU gets one item after another.
    """
    num_threads, rest = torch.get_num_threads(), iter(items)
    if device.type != "cpu" or num_threads == 1:
        yield from map(function, rest)
        return
    first = list(itertools.islice(rest, 2))
    if len(first) < 2:
        yield from map(function, first)
        return
    every = itertools.chain(first, rest)
    yield from prefetch.ordered_map(function, every, _pool(num_threads), num_threads)


_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}
"""By their number of threads, which is one number unless torch is set to another."""


def _pool(num_threads: int) -> ThreadPoolExecutor:
    """Return threads in which torch starts no further ones; it does in all other threads."""
    with _lock:
        if num_threads not in _pools:
            pool = ThreadPoolExecutor(num_threads, "tower", initializer=_use_one_thread)
            all_started = threading.Barrier(num_threads + 1)
            for _ in range(num_threads):
                pool.submit(all_started.wait)
            all_started.wait()
            torch.set_num_threads(num_threads)  # the initial value in threads that start later
            _pools[num_threads] = pool
        return _pools[num_threads]


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # the first call in a thread sets it to the initial value


def _reset_pools() -> None:
    """Start anew in a forked process, which has the pools and none of their threads."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_pools)
