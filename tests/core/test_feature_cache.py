import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from actionclip.core import cache
from actionclip.core.cache import FeatureCache, PromptCache

MADE_BY = {"weights": "abc", "precision": "fp32", "image_size": 224}
MIDDLES = {"segments": 4, "view": 0}


@pytest.fixture
def videos(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{number}.mp4" for number in range(6)]
    for path in paths:
        path.write_bytes(path.stem.encode() * 100)
    return paths


class Tower:
    """Stands in for decoding and encoding: features are told apart, and calls are counted."""

    def __init__(self) -> None:
        self.computed: list[int] = []

    def __call__(self, places: list[int]) -> Iterator[tuple[int, torch.Tensor]]:
        for place in places:
            self.computed.append(place)
            yield place, torch.full((4, 8), float(place))


def test_what_is_read_is_what_was_computed(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys, Tower())
    features = features.read([keys[4], keys[1], keys[4]])
    assert features.shape == (3, 4, 8)
    assert features[:, 0, 0].tolist() == [4, 1, 4]


def test_numbers_come_back_bit_for_bit_in_their_own_precision(tmp_path, videos):
    for dtype in (torch.float32, torch.bfloat16):
        features = FeatureCache({"precision": str(dtype)}, tmp_path / "cache")
        made = torch.randn(4, 8).to(dtype)
        key = features.key(videos[0], MIDDLES)
        features.fill([key], lambda missing, made=made: ((i, made) for i in missing))
        torch.testing.assert_close(features.read([key])[0], made, rtol=0, atol=0)


def test_entries_may_differ_in_length(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, {"frames_per_second": 4}) for video in videos[:2]]
    features.fill(keys, lambda missing: ((i, torch.ones(10 + i, 8)) for i in missing))
    assert [features.read([key]).shape[1] for key in keys] == [10, 11]


def test_nothing_is_computed_twice_whoever_asks(tmp_path, videos):
    for expected in ([0, 1, 2, 3, 4, 5], []):
        features = FeatureCache(MADE_BY, tmp_path / "cache")
        tower = Tower()
        features.fill([features.key(video, MIDDLES) for video in videos], tower)
        assert tower.computed == expected


@pytest.mark.parametrize(
    "made_by", [{**MADE_BY, "weights": "xyz"}, {**MADE_BY, "precision": "bf16"}]
)
def test_another_model_starts_anew_and_leaves_the_first_ones_features(tmp_path, videos, made_by):
    first, second = (FeatureCache(each, tmp_path / "cache") for each in (MADE_BY, made_by))
    keys = [first.key(video, MIDDLES) for video in videos]
    first.fill(keys, Tower())
    assert second.missing(keys) == [0, 1, 2, 3, 4, 5]
    assert first.missing(keys) == []


def test_every_sampling_is_an_entry_of_its_own(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    samplings = [MIDDLES, {"segments": 4, "view": 1}, {"segments": 8, "view": 0}]
    assert len({features.key(videos[0], sampling) for sampling in samplings}) == 3
    assert features.key(videos[0], {"view": 0, "segments": 4}) == features.key(videos[0], MIDDLES)


def test_a_changed_video_is_computed_again_and_a_renamed_one_is_not(tmp_path, videos):
    folder = tmp_path / "cache"
    features = FeatureCache(MADE_BY, folder)
    features.fill([features.key(video, MIDDLES) for video in videos], Tower())
    videos[2].write_bytes(b"another film")
    videos[3] = videos[3].rename(tmp_path / "renamed.mp4")
    again = FeatureCache(MADE_BY, folder)
    tower = Tower()
    again.fill([again.key(video, MIDDLES) for video in videos], tower)
    assert tower.computed == [2]


def test_unchanged_videos_are_not_read_again(tmp_path, videos, monkeypatch):
    keys = [FeatureCache(MADE_BY, tmp_path / "cache").key(video, MIDDLES) for video in videos]
    monkeypatch.setattr(cache, "_digest", None)  # it would fail
    again = FeatureCache(MADE_BY, tmp_path / "cache")
    assert [again.key(video, MIDDLES) for video in videos] == keys


def test_another_content_of_the_same_size_and_time_is_noticed(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    before = features.key(videos[0], MIDDLES)
    status = videos[0].stat()
    videos[0].write_bytes(b"x" * status.st_size)
    os.utime(videos[0], ns=(status.st_atime_ns, status.st_mtime_ns))
    assert features.key(videos[0], MIDDLES) != before


@pytest.mark.parametrize("how", ["replaced", "written over", "removed"])
def test_features_of_a_video_that_changes_while_it_is_read_are_not_stored(
    tmp_path, videos, caplog, how
):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    old = features.key(videos[0], MIDDLES)

    def compute(missing):
        if how == "replaced":
            (tmp_path / "other").write_bytes(videos[0].read_bytes()[::-1])
            (tmp_path / "other").replace(videos[0])
        elif how == "written over":
            videos[0].write_bytes(videos[0].read_bytes()[::-1])
        else:
            videos[0].unlink()
        yield 0, torch.ones(4, 8)

    features.fill([old], compute)
    assert "changed while it was read" in caplog.text
    assert features.read([old]).shape == (1, 4, 8)  # this run has them
    again = FeatureCache(MADE_BY, tmp_path / "cache")
    assert again.missing([old]) == [0]
    if how != "removed":
        assert again.missing([again.key(videos[0], MIDDLES)]) == [0]


def test_a_file_of_any_size_is_named_by_its_parts_within_seconds(tmp_path):
    path = tmp_path / "large.mp4"
    path.write_bytes(b"beginning")
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    started = time.monotonic()
    keys = []
    for size in (2**40, 2**40 + 1):
        os.truncate(path, size)
        keys.append(features.key(path, MIDDLES))
    with path.open("r+b") as file:
        file.seek(2**40)
        file.write(b"!")
    os.utime(path, (0, 0))
    keys.append(features.key(path, MIDDLES))
    assert len(set(keys)) == 3
    assert time.monotonic() - started < 10


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_file_is_named_and_computed_again(tmp_path, videos, caplog, damage):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys, Tower())
    path = features.store.path(keys[2])
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes({"cut": content[:-9], "flipped": content, "empty": b""}[damage])
    for expected in ([2], []):
        again, tower = FeatureCache(MADE_BY, tmp_path / "cache"), Tower()
        again.fill([again.key(video, MIDDLES) for video in videos], tower)
        assert tower.computed == expected
        assert again.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert caplog.text.count(f"{path}: damaged") == 1


def test_what_was_computed_before_an_error_is_kept(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, MIDDLES) for video in videos]

    def breaks_off(missing):
        yield from Tower()(missing[:3])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        features.fill(keys, breaks_off)
    tower = Tower()
    again = FeatureCache(MADE_BY, tmp_path / "cache")
    again.fill([again.key(video, MIDDLES) for video in videos], tower)
    assert tower.computed == [3, 4, 5]


def test_a_kill_in_the_middle_loses_only_what_was_not_yet_written(tmp_path, videos):
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import torch
        from actionclip.core.cache import FeatureCache
        cache = FeatureCache({"weights": "abc"}, Path(sys.argv[1]))
        def compute(missing):
            for place in missing[:4]:
                yield place, torch.full((4, 8), float(place))
            os.kill(os.getpid(), signal.SIGKILL)
        cache.fill([cache.key(Path(video), {}) for video in sys.argv[2:]], compute)
    """)
    folder = tmp_path / "cache"
    died = subprocess.run([sys.executable, "-c", program, folder, *videos], check=False)
    assert died.returncode == -signal.SIGKILL
    features, tower = FeatureCache({"weights": "abc"}, folder), Tower()
    keys = [features.key(video, {}) for video in videos]
    features.fill(keys, tower)
    assert tower.computed == [4, 5]
    assert features.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_video_that_gave_no_features_is_refused_with_a_remedy(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys, lambda missing: Tower()(missing[1:]))
    with pytest.raises(ValueError, match=r"features of 1 of 2 clips are missing.*fill"):
        features.read(keys[:2])


def test_progress_counts_what_is_there_already(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys[:4], Tower())
    seen = []
    features.fill(keys, Tower(), lambda done, total: seen.append((done, total)))
    assert seen == [(4, 6), (5, 6), (6, 6)]


def test_two_at_once_find_each_others_features(tmp_path, videos):
    one, other = (FeatureCache(MADE_BY, tmp_path / "cache") for _ in range(2))
    keys = [one.key(video, MIDDLES) for video in videos]
    one.fill(keys[:3], Tower())
    tower = Tower()
    other.fill([other.key(video, MIDDLES) for video in videos], tower)
    assert tower.computed == [3, 4, 5]


def test_the_files_say_what_made_them_and_are_plain_safetensors(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    features.fill([features.key(videos[0], MIDDLES)], Tower())
    assert '"image_size": 224' in (features.store.folder / "made_by.json").read_text()
    path = features.store.path(features.key(videos[0], MIDDLES))
    with safe_open(path, framework="pt") as file:
        assert list(file.keys()) == ["features"]


def test_what_a_run_needs_is_not_removed_for_its_own_features(tmp_path, videos):
    features = FeatureCache(MADE_BY, tmp_path / "cache", limit=300)
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys, Tower())
    assert features.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("root", [Path("/dev/null/cache"), Path("/proc/cache")])
def test_without_a_folder_that_can_be_written_a_run_has_its_features_and_one_warning(
    videos, caplog, root
):
    features = FeatureCache(MADE_BY, root)
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys, Tower())
    PromptCache(MADE_BY, root).add({"riding": torch.ones(4)})
    assert features.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert features.is_in_memory
    assert caplog.text.count("cannot be written") == len(caplog.records) == 1


def test_what_is_read_again_and_again_is_read_from_the_disk_once_within_a_bound(
    tmp_path, videos, monkeypatch
):
    features = FeatureCache(MADE_BY, tmp_path / "cache")
    keys = [features.key(video, MIDDLES) for video in videos]
    features.fill(keys, Tower())
    monkeypatch.setattr(cache, "MAX_BYTES_IN_MEMORY", 300)  # three of 128 bytes
    again, from_disk = FeatureCache(MADE_BY, tmp_path / "cache"), []
    get = again.store.get
    monkeypatch.setattr(again.store, "get", lambda name: from_disk.append(name) or get(name))
    for _ in range(2):
        assert again.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert from_disk == [*keys, *keys[3:]]
