"""`ordered_map`: a function runs in threads on the next items while the results before are used."""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    executor: Executor,
    num_ahead: int,
) -> Generator[Result]:
    """Yield the results of a function in the order of the items.

    Memory is bounded: at most `num_ahead` + 1 results exist at a time. When the generator ends or
    is closed, no thread works on an item of this call any more.

    Args:
        function: runs in the executor.
        items: taken one by one, by the thread that requests results.
        executor: may serve other calls at the same time.
        num_ahead: how many items are submitted before the first result is returned.
    """
    pending: deque[Future[Result]] = deque()
    try:
        for item in items:
            pending.append(executor.submit(function, item))
            if len(pending) > num_ahead:
                result = pending[0].result()
                pending.popleft()
                yield result
        while pending:
            result = pending[0].result()
            pending.popleft()
            yield result
    finally:
        for future in pending:
            future.cancel()
        concurrent.futures.wait(pending)
