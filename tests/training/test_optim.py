import torch

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import optim


def test_every_weight_of_a_reinitialized_tower_changes_and_its_features_are_finite(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    for parameter in model.parameters():  # as if trained: nothing is 0 or 1 as in new layers
        torch.nn.init.normal_(parameter)
    before = {name: value.clone() for name, value in model.encoder.named_parameters()}
    optim.reinitialize(model.encoder.vision_tower)
    for name, value in model.encoder.named_parameters():
        is_reinitialized = name.startswith("vision_tower.")
        assert torch.equal(value, before[name]) is not is_reinitialized, name
    assert model.frame_features(torch.rand(1, 2, 3, 16, 16)).isfinite().all()


def test_the_same_seed_reinitializes_to_the_same_weights(tiny_clip):
    outcomes = []
    for seed in (0, 0, 1):
        model = ActionCLIP.load(tiny_clip)
        torch.manual_seed(seed)
        optim.reinitialize(model.encoder.text_tower)
        outcomes.append(model.embed_texts(["moving left"]))
    assert torch.equal(outcomes[0], outcomes[1])
    assert not torch.equal(outcomes[0], outcomes[2])
