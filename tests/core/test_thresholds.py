import unicodedata

import pytest
import torch

from actionclip.core import scoring
from actionclip.model.config import Calibration


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("label", ["café visit", "café_visit", "café  visit"])
def test_the_threshold_of_a_label_is_found_however_the_label_is_written(form, label):
    calibration = Calibration(threshold=0.9, thresholds={"café visit": 0.3})
    label = unicodedata.normalize(form, label)
    [found] = scoring.rank(torch.tensor([0.4]), [label], "auto", calibration)
    assert found.label == label
