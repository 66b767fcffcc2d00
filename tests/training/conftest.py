"""What training tests train: recipes for a tiny CLIP and squares that move three ways."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch


@pytest.fixture(autouse=True)
def one_thread():
    """Tiny models are faster so, and tests run side by side."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def write_recipe(tmp_path: Path, tiny_clip: Path, squares: Path) -> Callable[..., str]:
    """Write a recipe for these; sections given replace or add keys."""

    def write(**sections: dict[str, object]) -> str:
        chosen = {
            "model": {"start": str(tiny_clip)},
            "data": {"path": str(squares), "num_workers": 0, "augmentation": "none"},
            "prompts": {"templates": ["{}", "a video of {}"]},
            "optim": {"epochs": 2, "warmup_epochs": 0, "batch_size": 6, "lr": 1e-4},
            "computing": {"precision": "fp32", "trackers": []},
        }
        for name, keys in sections.items():
            chosen[name] = chosen.get(name, {}) | keys
        return "\n".join(
            f"[{name}]\n" + "\n".join(f"{key} = {_toml(value)}" for key, value in keys.items())
            for name, keys in chosen.items()
        )

    return write


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value).replace("'", '"')
