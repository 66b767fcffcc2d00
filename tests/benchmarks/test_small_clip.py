import json
import os
import subprocess
import sys

import small_clip
import torch

from actionclip.data.stick_figures import pictures
from actionclip.model.actionclip import ActionCLIP
from actionclip.model.encoders import clip_tokenizer


def test_the_start_is_read_as_any_clip_and_knows_the_words_of_the_captions(tmp_path):
    captions = [caption for index in range(40) for caption in pictures.draw(index, 0).captions]
    small_clip.write_start(tmp_path, captions, seed=0)
    model = ActionCLIP.load(tmp_path, num_frames=1)
    clips = torch.rand(2, 1, 3, small_clip.PIXELS, small_clip.PIXELS)
    assert model.frame_features(clips).shape == (2, 1, small_clip.WIDTH)
    tokenizer = small_clip.learn_tokenizer(captions)
    tokens = tokenizer.encode("a person in a wall of żółć").tokens
    assert tokens[1:6] == ["a</w>", "person</w>", "in</w>", "a</w>", "wall</w>"]
    assert clip_tokenizer.END not in tokens[1:-1]  # every byte is known
    longest = max(len(tokenizer.encode(caption).ids) for caption in captions)
    assert longest <= small_clip.NUM_TOKENS


def test_every_process_learns_the_same_tokenizer():
    captions = [caption for index in range(40) for caption in pictures.draw(index, 0).captions]
    code = (
        "import json, sys, small_clip; "
        "print(small_clip.learn_tokenizer(json.load(sys.stdin)).to_str())"
    )
    learned = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(captions),
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert learned == small_clip.learn_tokenizer(captions).to_str()


def test_the_same_seed_writes_the_same_start(tmp_path):
    captions = ["a person with both arms up", "a figure bending forward"]
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        small_clip.write_start(tmp_path / name, captions, seed)
    one, again, other = (
        (tmp_path / name / "model.safetensors").read_bytes() for name in ("one", "again", "other")
    )
    assert one == again
    assert one != other
