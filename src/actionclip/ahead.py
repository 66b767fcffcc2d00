"""Results come in the order of their items; the next are worked out by threads while one is used.

What is finished and waits is bounded, whatever the number of items. Knows nothing of what is done.
"""

from __future__ import annotations

import concurrent.futures
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Executor, Future
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def work(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    threads: Executor,
    num_ahead: int,
) -> Generator[Result]:
    """Give a function's results, in order.

    Args:
        function: does the work, in one of the threads.
        items: taken one by one by the thread that asks for results.
        threads: may serve others at the same time. When the last result is given, or nobody wants
            more of them, none of them works on an item of this call any more.
        num_ahead: how many items are taken before the first result is given.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) > num_ahead:
                result = waiting[0].result()
                waiting.popleft()
                yield result
        while waiting:
            result = waiting[0].result()
            waiting.popleft()
            yield result
    finally:
        for future in waiting:
            future.cancel()
        concurrent.futures.wait(waiting)
