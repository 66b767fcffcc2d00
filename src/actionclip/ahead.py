"""Results come in the order of their items; the next are worked out by threads while one is used.

What is finished and waits is bounded, whatever the number of items. Knows nothing of what is done.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def work(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    threads: ThreadPoolExecutor,
    num_ahead: int,
) -> Generator[Result]:
    """Give a function's results, in order.

    Args:
        function: does the work, in one of the threads.
        items: taken one by one by the thread that asks for results.
        threads: ended when the last result is given, or when nobody wants more of them.
        num_ahead: how many items are taken before the first result is given.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(threads.submit(function, item))
            if len(waiting) > num_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        threads.shutdown(cancel_futures=True)
