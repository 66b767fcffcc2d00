import threading

import pytest
import torch

from actionclip.model import threads

CPU = torch.device("cpu")


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def asked_in_a_new_thread() -> int:
    told = []
    thread = threading.Thread(target=lambda: told.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return told[0]


@pytest.mark.usefixtures("three_threads")
def test_each_item_is_looked_at_by_one_thread_and_all_others_keep_theirs():
    seen = []
    for number in threads.on_each(lambda _: torch.get_num_threads(), range(6), CPU):
        seen.append((number, torch.get_num_threads(), asked_in_a_new_thread()))
    assert seen == [(1, 3, 3)] * 6
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_several_items_are_looked_at_at_a_time():
    all_here = threading.Barrier(3, timeout=60)
    list(threads.on_each(lambda _: all_here.wait(), range(3), CPU))


@pytest.mark.usefixtures("three_threads")
def test_a_gpu_gets_one_item_after_another():
    here = threading.current_thread()
    on = threads.on_each(lambda _: threading.current_thread(), range(3), torch.device("cuda"))
    assert list(on) == [here] * 3


@pytest.mark.usefixtures("three_threads")
def test_a_single_item_gets_all_threads():
    assert list(threads.on_each(lambda _: torch.get_num_threads(), [0], CPU)) == [3]
    assert list(threads.on_each(str, [], CPU)) == []


@pytest.mark.usefixtures("three_threads")
def test_the_threads_are_started_once():
    def names() -> set[str]:
        return set(threads.on_each(lambda _: threading.current_thread().name, range(20), CPU))

    before = threading.active_count()
    seen = set.union(*(names() for _ in range(5)))
    assert len(seen) <= 3
    assert threading.active_count() <= before + 3
    several = threads.on_each(str, range(9), CPU)
    assert next(several) == "0"  # two uses at a time share them
    assert list(threads.on_each(str, range(3), CPU)) == ["0", "1", "2"]
    assert list(several) == [str(number) for number in range(1, 9)]


@pytest.mark.usefixtures("three_threads")
def test_who_leaves_early_leaves_no_work_behind():
    running, at_work = threading.Event(), []

    def work(number: int) -> int:
        at_work.append(number)
        running.wait(0.05)
        at_work.remove(number)
        return number

    results = threads.on_each(work, range(100), CPU)
    assert next(results) == 0
    results.close()
    assert at_work == []


@pytest.mark.usefixtures("three_threads")
def test_an_error_comes_where_its_result_would_and_the_threads_go_on():
    with pytest.raises(ZeroDivisionError):
        list(threads.on_each(lambda number: 1 // number, [1, 0, 1], CPU))
    assert list(threads.on_each(str, range(3), CPU)) == ["0", "1", "2"]
