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

from actionclip import feature_cache
from actionclip.feature_cache import FeatureCache
from actionclip.model.identity import fingerprint

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
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys, Tower())
    features = cache.read([keys[4], keys[1], keys[4]])
    assert features.shape == (3, 4, 8)
    assert features[:, 0, 0].tolist() == [4, 1, 4]


def test_numbers_come_back_bit_for_bit_in_their_own_precision(tmp_path, videos):
    for dtype in (torch.float32, torch.bfloat16):
        cache = FeatureCache(tmp_path / "cache", {"precision": str(dtype)})
        features = torch.randn(4, 8).to(dtype)
        key = cache.key(videos[0], MIDDLES)
        cache.fill([key], lambda missing, features=features: ((i, features) for i in missing))
        torch.testing.assert_close(cache.read([key])[0], features, rtol=0, atol=0)


def test_entries_may_differ_in_length(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    keys = [cache.key(video, {"frames_per_second": 4}) for video in videos[:2]]
    cache.fill(keys, lambda missing: ((i, torch.ones(10 + i, 8)) for i in missing))
    assert [cache.read([key]).shape[1] for key in keys] == [10, 11]


def test_nothing_is_computed_twice_whoever_asks(tmp_path, videos):
    for expected in ([0, 1, 2, 3, 4, 5], []):
        cache = FeatureCache(tmp_path / "cache", MADE_BY)
        tower = Tower()
        cache.fill([cache.key(video, MIDDLES) for video in videos], tower)
        assert tower.computed == expected


@pytest.mark.parametrize(
    "made_by", [{**MADE_BY, "weights": "xyz"}, {**MADE_BY, "precision": "bf16"}]
)
def test_another_model_starts_anew_and_leaves_the_first_ones_features(tmp_path, videos, made_by):
    first, second = (FeatureCache(tmp_path / "cache", each) for each in (MADE_BY, made_by))
    keys = [first.key(video, MIDDLES) for video in videos]
    first.fill(keys, Tower())
    assert second.missing(keys) == [0, 1, 2, 3, 4, 5]
    assert first.missing(keys) == []


def test_every_sampling_is_an_entry_of_its_own(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    samplings = [MIDDLES, {"segments": 4, "view": 1}, {"segments": 8, "view": 0}]
    assert len({cache.key(videos[0], sampling) for sampling in samplings}) == 3
    assert cache.key(videos[0], {"view": 0, "segments": 4}) == cache.key(videos[0], MIDDLES)


def test_a_changed_video_is_computed_again_and_a_renamed_one_is_not(tmp_path, videos):
    folder = tmp_path / "cache"
    cache = FeatureCache(folder, MADE_BY)
    cache.fill([cache.key(video, MIDDLES) for video in videos], Tower())
    videos[2].write_bytes(b"another film")
    videos[3] = videos[3].rename(tmp_path / "renamed.mp4")
    again = FeatureCache(folder, MADE_BY)
    tower = Tower()
    again.fill([again.key(video, MIDDLES) for video in videos], tower)
    assert tower.computed == [2]


def test_unchanged_videos_are_not_read_again(tmp_path, videos):
    folder = tmp_path / "cache"
    cache = FeatureCache(folder, MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys, Tower())
    for video in videos:
        status = video.stat()
        video.write_bytes(b"x" * status.st_size)
        os.utime(video, ns=(status.st_atime_ns, status.st_mtime_ns))
    again = FeatureCache(folder, MADE_BY)
    assert [again.key(video, MIDDLES) for video in videos] == keys


def only_file(folder: Path) -> Path:
    (path,) = folder.rglob("*.safetensors")
    return path


def test_a_file_of_any_size_is_named_by_its_parts_within_seconds(tmp_path):
    path = tmp_path / "large.mp4"
    path.write_bytes(b"beginning")
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    started = time.monotonic()
    keys = []
    for size in (2**40, 2**40 + 1):
        os.truncate(path, size)
        keys.append(cache.key(path, MIDDLES))
    with path.open("r+b") as file:
        file.seek(2**40)
        file.write(b"!")
    os.utime(path, (0, 0))
    keys.append(cache.key(path, MIDDLES))
    assert len(set(keys)) == 3
    assert time.monotonic() - started < 10


def test_a_truncated_file_is_named_and_its_features_are_computed_again(tmp_path, videos, caplog):
    folder = tmp_path / "cache"
    cache = FeatureCache(folder, MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys, Tower())
    path = only_file(folder)
    path.write_bytes(path.read_bytes()[:-50])
    again, tower = FeatureCache(folder, MADE_BY), Tower()
    again.fill(keys, tower)
    assert str(path) in caplog.text
    assert tower.computed == [0, 1, 2, 3, 4, 5]
    assert again.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_flipped_bit_costs_one_entry(tmp_path, videos, caplog):
    folder = tmp_path / "cache"
    cache = FeatureCache(folder, MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys, Tower())
    path = only_file(folder)
    content = bytearray(path.read_bytes())
    content[-1] ^= 1  # in the last entry of the file
    path.write_bytes(content)
    for expected in (1, 0):
        again, tower = FeatureCache(folder, MADE_BY), Tower()
        again.fill(keys, tower)
        assert len(tower.computed) == expected
        assert again.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]
    assert caplog.text.count("1 features are damaged") == 1


def test_what_was_computed_before_an_error_is_kept(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]

    def breaks_off(missing):
        yield from Tower()(missing[:3])
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cache.fill(keys, breaks_off)
    tower = Tower()
    FeatureCache(tmp_path / "cache", MADE_BY).fill(keys, tower)
    assert tower.computed == [3, 4, 5]


def test_a_kill_in_the_middle_loses_only_what_was_not_yet_written(tmp_path, videos):
    program = textwrap.dedent("""
        import os, signal, sys
        from pathlib import Path
        import torch
        from actionclip import feature_cache
        feature_cache.SECONDS_BETWEEN_FILES = 0
        cache = feature_cache.FeatureCache(Path(sys.argv[1]), {"weights": "abc"})
        def compute(missing):
            for place in missing[:4]:
                yield place, torch.full((4, 8), float(place))
            os.kill(os.getpid(), signal.SIGKILL)
        cache.fill([cache.key(Path(video), {}) for video in sys.argv[2:]], compute)
    """)
    folder = tmp_path / "cache"
    died = subprocess.run([sys.executable, "-c", program, folder, *videos], check=False)
    assert died.returncode == -signal.SIGKILL
    cache, tower = FeatureCache(folder, {"weights": "abc"}), Tower()
    keys = [cache.key(video, {}) for video in videos]
    cache.fill(keys, tower)
    assert tower.computed == [4, 5]
    assert cache.read(keys)[:, 0, 0].tolist() == [0, 1, 2, 3, 4, 5]


def test_a_half_written_file_is_no_feature(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys, Tower())
    path = only_file(tmp_path)
    path.rename(path.with_name(f".{path.name}-123"))
    assert FeatureCache(tmp_path / "cache", MADE_BY).missing(keys) == [0, 1, 2, 3, 4, 5]


def test_a_video_that_gave_no_features_is_refused_with_a_remedy(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys, lambda missing: Tower()(missing[1:]))
    with pytest.raises(ValueError, match=r"features of 1 of 2 clips are missing.*fill"):
        cache.read(keys[:2])


def test_progress_counts_what_is_there_already(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    keys = [cache.key(video, MIDDLES) for video in videos]
    cache.fill(keys[:4], Tower())
    seen = []
    cache.fill(keys, Tower(), lambda done, total: seen.append((done, total)))
    assert seen == [(4, 6), (5, 6), (6, 6)]


def test_two_at_once_find_each_others_features(tmp_path, videos):
    one, other = (FeatureCache(tmp_path / "cache", MADE_BY) for _ in range(2))
    keys = [one.key(video, MIDDLES) for video in videos]
    one.fill(keys[:3], Tower())
    tower = Tower()
    other.fill(keys, tower)
    assert tower.computed == [3, 4, 5]


def test_the_files_say_what_made_them_and_are_plain_safetensors(tmp_path, videos):
    cache = FeatureCache(tmp_path / "cache", MADE_BY)
    cache.fill([cache.key(videos[0], MIDDLES)], Tower())
    assert '"image_size": 224' in (cache.folder / "made_by.json").read_text()
    with safe_open(only_file(tmp_path), framework="pt") as file:
        assert list(file.keys()) == [cache.key(videos[0], MIDDLES)]


def test_a_fingerprint_tells_weights_apart_and_nothing_else():
    tower = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.BatchNorm1d(3))
    before = fingerprint(tower)
    tower.eval().requires_grad_(False)
    assert fingerprint(tower) == before
    tower[1].running_mean[0] += 1e-6
    assert fingerprint(tower) != before


def test_features_outlive_runs_where_caches_belong(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert feature_cache.default_folder() == tmp_path / "actionclip" / "features"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert feature_cache.default_folder() == Path.home() / ".cache" / "actionclip" / "features"
