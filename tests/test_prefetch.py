from concurrent.futures import ThreadPoolExecutor

import pytest

from actionclip import prefetch


@pytest.mark.parametrize("num_threads", [1, 3])
@pytest.mark.parametrize("num_ahead", [0, 2, 100])
def test_results_come_in_the_order_of_their_items(num_threads, num_ahead):
    threads = ThreadPoolExecutor(num_threads)
    assert list(prefetch.ordered_map(lambda n: n * n, range(20), threads, num_ahead)) == [
        n * n for n in range(20)
    ]


def test_no_more_items_are_taken_than_allowed():
    taken = []

    def items():
        for number in range(20):
            taken.append(number)
            yield number

    results = prefetch.ordered_map(str, items(), ThreadPoolExecutor(2), 3)
    assert next(results) == "0"
    assert taken == [0, 1, 2, 3]
    results.close()


def test_an_error_comes_where_its_result_would_and_ends_the_work():
    at_work = []

    def divide(number: int) -> int:
        at_work.append(number)
        return 1 // number

    with ThreadPoolExecutor(1) as threads:
        results = prefetch.ordered_map(divide, [1, 0, 1, 1, 1], threads, 2)
        assert next(results) == 1
        with pytest.raises(ZeroDivisionError):
            next(results)
        assert threads.submit(str, 1).result() == "1"  # others may use them
    assert len(at_work) <= 4
