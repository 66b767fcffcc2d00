import torch

from actionclip.model.encoders.lite import LiteEncoder


def test_answers_are_those_of_the_network_as_it_was_trained():
    encoder = LiteEncoder.from_installed_packages()
    clips = torch.rand(1, 2, 3, 260, 260, generator=torch.Generator().manual_seed(0))
    trained = encoder.vision_features(clips).detach()
    with torch.no_grad():
        torch.testing.assert_close(encoder.vision_features(clips), trained, rtol=1e-4, atol=1e-4)
        encoder.vision_tower._bn1.bias.add_(0.5)  # as training does
        moved = encoder.vision_features(clips)
    assert not torch.allclose(moved, trained, atol=1e-2)
    torch.testing.assert_close(moved, encoder.vision_features(clips), rtol=1e-4, atol=1e-4)
    assert not any("folded" in name for name in encoder.state_dict())
