import av
import numpy as np
import pytest

blazepose = pytest.importorskip(
    "actionclip.model.encoders.blazepose", reason="the extra 'lite' is not installed"
)


def golden(shared):
    stored = shared / "golden" / "pose" / "blazepose_full_static.npz"
    if not stored.exists():
        pytest.skip("MediaPipe's own results (shared/golden/pose) are not here")
    return np.load(stored)


def frame(path, number):
    with av.open(str(path)) as container:
        for index, decoded in enumerate(container.decode(video=0)):
            if index == number:
                return decoded.to_ndarray(format="rgb24")
    raise IndexError(number)


def test_it_finds_whom_mediapipe_finds_at_the_same_points(shared):
    stored = golden(shared)
    same, distances, world_distances = 0, [], []
    keys = ("clip", "frame_index", "landmarks", "world_landmarks")
    for clip, number, points, world in zip(*(stored[key] for key in keys), strict=True):
        pixels = frame(shared / str(clip), number)
        height, width = pixels.shape[:2]
        regions, _ = blazepose.detect(pixels)
        poses = blazepose.read([pixels], regions[:1]) if len(regions) else None
        found = poses is not None and poses.presence[0] >= blazepose.MIN_PRESENCE
        same += found == (not np.isnan(points[0, 0]))
        if found and not np.isnan(points[0, 0]):
            visible = points[:, 3] > 0.5
            apart = poses.points[0, :, :2] - points[:, :2] * [width, height]
            distances.extend(np.hypot(*apart[visible].T) / height)
            world_distances.extend(np.linalg.norm(poses.world[0] - world[:, :3], axis=1))
    assert same >= 58  # of 60; the others are at the threshold
    assert np.median(distances) < 0.002
    assert np.quantile(distances, 0.95) < 0.02
    assert np.median(world_distances) < 0.01  # metres


def test_nobody_is_found_in_noise():
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    regions, scores = blazepose.detect(noise)
    assert regions.shape == (0, 4)
    assert scores.shape == (0,)


def test_a_region_is_cut_out_upright():
    pixels = np.zeros((100, 100, 3), np.uint8)
    pixels[40:60, 60:80] = 255  # to the right of the middle
    turned = blazepose._crop(pixels, np.array([50, 50, 64, np.pi / 2]), 256, "border")
    down, across = (axis.mean() for axis in np.nonzero(turned[..., 0] > 127))
    assert across == pytest.approx(128, abs=4)
    assert down == pytest.approx(128 - 20 * 4, abs=4)  # what was to the right is above


def test_points_are_turned_back_to_where_the_region_was_cut_out():
    region = np.array([[50.0, 40.0, 64.0, 0.7]], np.float32)
    hips = region[:, :2]
    upwards = np.array([[0.0, -64 / (2 * 1.25), 0.0]])
    ends = hips + blazepose._rotate(upwards[:, None], region[:, 3])[0, :, :2]
    np.testing.assert_allclose(blazepose._regions(hips, ends), region, rtol=1e-5)


def test_heat_moves_a_point_only_where_there_is_some():
    heatmaps = np.full((1, 64, 64, 2), -50.0, np.float32)
    heatmaps[0, 22, 31, 0] = 50
    points = np.full((1, 2, 3), 0.4, np.float32)
    points[0, 0, :2] = 30.5 / 64, 20.5 / 64
    refined = blazepose._refine(points, heatmaps)
    np.testing.assert_allclose(refined[0, 0], [31 / 64, 22 / 64, 0.4], rtol=1e-5)
    np.testing.assert_array_equal(refined[0, 1], points[0, 1])


def test_overlapping_detections_become_one():
    people = np.zeros((3, 12), np.float32)
    people[:, :4] = [[0.5, 0.5, 0.2, 0.2], [0.52, 0.5, 0.2, 0.2], [0.1, 0.1, 0.1, 0.1]]
    merged, scores = blazepose._merge_overlapping(people, np.array([0.6, 0.9, 0.7], np.float32))
    np.testing.assert_allclose(merged[:, 0], [0.512, 0.1], rtol=1e-5)
    np.testing.assert_allclose(scores, [0.9, 0.7])


def test_frames_read_together_are_read_as_alone():
    frames = list(np.random.default_rng(0).integers(0, 256, (2, 90, 120, 3), dtype=np.uint8))
    regions = np.array([[60, 45, 80, 0.2], [50, 40, 100, -1]], np.float32)
    together = blazepose.read(frames, regions)
    for number in range(2):
        alone = blazepose.read(frames[number : number + 1], regions[number : number + 1])
        for one, both in zip(alone, together, strict=True):
            np.testing.assert_allclose(one[0], both[number], atol=1e-3)
