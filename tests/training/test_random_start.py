import torch

from actionclip.model.actionclip import ActionCLIP
from actionclip.training import random_start


def test_every_weight_that_was_learnt_is_another_and_every_number_is_one(tiny_clip):
    model = ActionCLIP.load(tiny_clip)
    for parameter in model.parameters():  # as if learnt: nothing is 0 or 1 as layers begin
        torch.nn.init.normal_(parameter)
    before = {name: value.clone() for name, value in model.encoder.named_parameters()}
    random_start.forget(model.encoder.vision_tower)
    for name, value in model.encoder.named_parameters():
        is_forgotten = name.startswith("vision_tower.")
        assert torch.equal(value, before[name]) is not is_forgotten, name
    assert model.frame_features(torch.rand(1, 2, 3, 16, 16)).isfinite().all()


def test_the_same_seed_forgets_to_the_same_weights(tiny_clip):
    outcomes = []
    for seed in (0, 0, 1):
        model = ActionCLIP.load(tiny_clip)
        torch.manual_seed(seed)
        random_start.forget(model.encoder.text_tower)
        outcomes.append(model.embed_texts(["moving left"]))
    assert torch.equal(outcomes[0], outcomes[1])
    assert not torch.equal(outcomes[0], outcomes[2])
