import threading
from pathlib import Path

import pytest
import torch

from actionclip.model import devices
from actionclip.model.actionclip import ActionCLIP

CPU = torch.device("cpu")


def test_what_is_asked_for_is_what_is_chosen():
    assert devices.choose_precision("fp32", CPU).dtype is torch.float32
    assert devices.choose_precision("bf16", CPU).dtype is torch.bfloat16


def test_auto_says_why():
    choice = devices.choose_precision("auto", CPU)
    has_hardware = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    assert choice.dtype is (torch.bfloat16 if has_hardware else torch.float32)
    assert "this CPU" in choice.reason


@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_auto_stays_in_fp32_for_an_encoder_whose_answers_bf16_changes(device: str):
    place = torch.device(device)
    assert devices.choose_precision("auto", place, wants_fp32=True).dtype is torch.float32
    assert devices.choose_precision("bf16", place, wants_fp32=True).dtype is torch.bfloat16


def test_lite_wants_fp32():
    from actionclip.model.encoders.lite import LiteEncoder

    assert LiteEncoder.wants_fp32


def test_fp32_on_a_gpu_is_fp32_in_convolutions_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    devices.choose_precision("fp32", CPU)
    assert torch.backends.cudnn.allow_tf32
    devices.choose_precision("fp32", torch.device("cuda"))
    assert not torch.backends.cudnn.allow_tf32


@pytest.mark.parametrize("name", ["gpu", "GPU:0", "cuda:99", "nonsense", "meta", "cpu:x", ""])
def test_a_device_that_is_not_there_is_refused_in_a_line_that_names_those_that_are(name: str):
    with pytest.raises(ValueError, match=r"^device: .*known here: cpu") as error:
        devices.find(name)
    assert "\n" not in str(error.value)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_asked_of_a_build_for_cpus_is_refused(tiny_model: ActionCLIP, tmp_path: Path):
    tiny_model.save(tmp_path / "saved")
    with pytest.raises(ValueError, match=r"device: 'cuda' cannot be used"):
        ActionCLIP.load(tmp_path / "saved", device="cuda")


def test_an_unknown_precision_is_refused(tiny_model: ActionCLIP):
    with pytest.raises(ValueError, match="unknown 'fp16'; known: 'fp32', 'bf16', 'auto'"):
        devices.choose_precision("fp16", CPU)  # type: ignore[arg-type]


@torch.inference_mode()
def test_towers_in_bf16_give_nearly_the_same_embeddings_in_fp32(
    tiny_model: ActionCLIP, clips: torch.Tensor, tokens: torch.Tensor
):
    exact = tiny_model.embed_clips(clips), tiny_model.embed_tokens(tokens)
    model = tiny_model.in_precision("bf16")
    assert next(model.encoder.vision_tower.parameters()).dtype is torch.bfloat16
    for ours, theirs in zip(
        (model.embed_clips(clips), model.embed_tokens(tokens)), exact, strict=True
    ):
        assert ours.dtype is torch.float32
        assert (ours * theirs).sum(dim=-1).min() > 0.999


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def threads_of_a_new_thread() -> int:
    found = []
    thread = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.usefixtures("three_threads")
def test_each_item_is_computed_by_one_thread_and_all_others_keep_theirs():
    seen = []
    for number in devices.parallel_map(lambda _: torch.get_num_threads(), range(6), CPU):
        seen.append((number, torch.get_num_threads(), threads_of_a_new_thread()))
    assert seen == [(1, 3, 3)] * 6
    assert torch.get_num_threads() == 3


@pytest.mark.usefixtures("three_threads")
def test_several_items_are_computed_at_a_time():
    all_here = threading.Barrier(3, timeout=60)
    list(devices.parallel_map(lambda _: all_here.wait(), range(3), CPU))


@pytest.mark.usefixtures("three_threads")
def test_a_gpu_gets_one_item_after_another():
    here = threading.current_thread()
    on = devices.parallel_map(lambda _: threading.current_thread(), range(3), torch.device("cuda"))
    assert list(on) == [here] * 3


@pytest.mark.usefixtures("three_threads")
def test_a_single_item_gets_all_threads():
    assert list(devices.parallel_map(lambda _: torch.get_num_threads(), [0], CPU)) == [3]
    assert list(devices.parallel_map(str, [], CPU)) == []


@pytest.mark.usefixtures("three_threads")
def test_the_threads_are_started_once():
    def names() -> set[str]:
        return set(devices.parallel_map(lambda _: threading.current_thread().name, range(20), CPU))

    before = threading.active_count()
    seen = set.union(*(names() for _ in range(5)))
    assert len(seen) <= 3
    assert threading.active_count() <= before + 3
    several = devices.parallel_map(str, range(9), CPU)
    assert next(several) == "0"  # two uses at a time share them
    assert list(devices.parallel_map(str, range(3), CPU)) == ["0", "1", "2"]
    assert list(several) == [str(number) for number in range(1, 9)]


@pytest.mark.usefixtures("three_threads")
def test_who_leaves_early_leaves_no_work_behind():
    running, at_work = threading.Event(), []

    def work(number: int) -> int:
        at_work.append(number)
        running.wait(0.05)
        at_work.remove(number)
        return number

    results = devices.parallel_map(work, range(100), CPU)
    assert next(results) == 0
    results.close()
    assert at_work == []


@pytest.mark.usefixtures("three_threads")
def test_an_error_comes_where_its_result_would_and_the_threads_go_on():
    with pytest.raises(ZeroDivisionError):
        list(devices.parallel_map(lambda number: 1 // number, [1, 0, 1], CPU))
    assert list(devices.parallel_map(str, range(3), CPU)) == ["0", "1", "2"]
