"""Several clips go through a tower at a time on a CPU, each by one thread.

The layers of one clip are small: threads that share each of them wait for each other more often
than they work, and a wait keeps the processor from decoding the next video. The threads are
started once in a process. Knows no model.
"""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from actionclip import prefetch

Item = TypeVar("Item")
Result = TypeVar("Result")

_lock = threading.Lock()
_pools: dict[int, ThreadPoolExecutor] = {}
"""By their number of threads: one, unless torch is told to use another number."""


def on_each(
    function: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> Generator[Result]:
    """Apply a function to items, and give the results in order.

    Args:
        function: runs a model on an item; on a CPU several threads call it at a time.
        items: some are taken ahead, one more than there are threads. A single one gets them all.
        device: where the model is; a GPU gets one item after another.
    """
    num_threads = torch.get_num_threads()
    if device.type != "cpu" or num_threads == 1:
        yield from map(function, items)
        return
    rest = iter(items)
    first = list(itertools.islice(rest, 2))
    if len(first) < 2:
        yield from map(function, first)
        return
    every = itertools.chain(first, rest)
    yield from prefetch.ordered_map(function, every, _pool(num_threads), num_threads)


def _pool(number: int) -> ThreadPoolExecutor:
    """Return threads in which torch uses no further ones; in all others it does what it did."""
    with _lock:
        if number not in _pools:
            pool = ThreadPoolExecutor(number, "tower", initializer=_use_one_thread)
            all_started = threading.Barrier(number + 1)
            for _ in range(number):
                pool.submit(all_started.wait)
            all_started.wait()
            torch.set_num_threads(number)  # what threads that are started later begin with
            _pools[number] = pool
        return _pools[number]


def _use_one_thread() -> None:
    torch.set_num_threads(1)
    torch.get_num_threads()  # a thread's first question sets it to what threads begin with


def _forget_threads() -> None:
    """Start anew in a forked process, which has the pools and none of their threads."""
    global _lock
    _lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_threads)
