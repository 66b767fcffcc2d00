import math

import open_set
import pytest
import torch


def test_auroc_counts_pairs_in_order_whatever_the_size_of_the_numbers():
    is_known = torch.tensor([True, True, False, False])
    for scale, shift in ((1, 0), (1e6, 50), (1e-3, -9)):
        confidences = scale * torch.tensor([3.0, 1.0, 2.0, 0.0]) + shift
        assert open_set.auroc(confidences, is_known) == pytest.approx(0.75)
    assert open_set.auroc(torch.full((4,), 100.0), is_known) == pytest.approx(0.5)


def test_coverage_is_the_share_of_known_clips_that_can_be_named():
    confidences = torch.tensor([40.0, 30.0, 20.0, 10.0, -5.0])
    is_known = torch.tensor([True, True, True, False, True])
    is_right = torch.tensor([True, True, False, False, True])
    cover = open_set.coverage_at_precision
    assert cover(confidences, is_right, is_known, 0.95) == (0.5, 30.0)
    assert cover(confidences, is_right, is_known, 0.6) == (0.75, -5.0)


def test_nothing_is_covered_where_no_name_is_right():
    confidences, is_known = torch.tensor([1.0, 2.0]), torch.tensor([True, True])
    wrong = torch.tensor([False, False])
    assert open_set.coverage_at_precision(confidences, wrong, is_known) == (0.0, math.inf)
    too_late = torch.tensor([True, False])
    assert open_set.coverage_at_precision(confidences, too_late, is_known) == (0.0, math.inf)
