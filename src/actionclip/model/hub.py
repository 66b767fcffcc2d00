"""A name on the Hugging Face hub becomes a folder in its cache, and a model a repository there.

`huggingface_hub` does the work: its cache, its environment variables (HF_HOME, HF_ENDPOINT,
HF_HUB_OFFLINE, HF_TOKEN) and its log-in apply. It compares sizes, not hashes, so those are compared
here. It is imported when it is used, because it is slow to import.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from actionclip.model.checkpoint import read_json
from actionclip.model.layouts import hub_folder, open_clip

_MAX_RESTARTS = 3


def fetch(name: str) -> Path:
    """Fetch a model unless it is in the cache, and return its folder there.

    Args:
        name: owner/repository.

    Raises:
        ValueError: the hub does not have it, cannot be reached, or sends something else than it
            announced.
    """
    configs = (hub_folder.CONFIG, open_clip.CONFIG)
    folder = _snapshot(name, None, [*configs, *hub_folder.OPTIONAL_FILES])
    config, other = (folder / file_name for file_name in configs)
    if not (config.is_file() or other.is_file()):
        raise ValueError(
            f"{name}: the hub has neither {config.name} nor {other.name} for it, so it is no model"
        )
    keys = read_json(config).keys() if config.is_file() else set()
    is_open_clip = other.is_file() and not {"model_type", "encoder"} & keys
    usual = open_clip.WEIGHTS if is_open_clip else hub_folder.WEIGHTS
    for file_name in usual:
        _snapshot(name, folder.name, [file_name])  # of the same commit
        if (folder / file_name).is_file():
            if file_name.endswith(".json"):
                _snapshot(name, folder.name, hub_folder.shards(folder / file_name))
            return folder
    raise ValueError(f"{name}: the hub has no weights for it; expected one of {list(usual)}")


def push(save: Callable[[str], None], name: str, *, private: bool = False) -> str:
    """Upload a checkpoint with a card, from where `ActionCLIP.load(name)` fetches it.

    Args:
        save: writes the checkpoint to a folder.
        name: owner/repository; made if it is not there.
        private: whether only the owner sees a repository made now.

    Returns:
        The address of the repository.
    """
    import huggingface_hub

    api = huggingface_hub.HfApi()
    repository = api.create_repo(name, private=private, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        save(folder)
        Path(folder, "README.md").write_text(_CARD.format(name=name), encoding="utf-8")
        api.upload_folder(
            repo_id=name, folder_path=folder, commit_message="Upload ActionCLIP model"
        )
    return str(repository)


_CARD = """\
---
library_name: actionclip
pipeline_tag: video-classification
tags: [action-recognition, zero-shot, clip]
---
```python
from actionclip import Recognizer

Recognizer.load("{name}").recognize("video.mp4", ["riding a bike", "parking a car"])
```
"""


def _snapshot(name: str, revision: str | None, files: Sequence[str]) -> Path:
    """Fetch those of some files that a repository has, and return the folder of its commit."""
    import huggingface_hub
    from huggingface_hub import errors
    from huggingface_hub.utils import tqdm

    class BoundedProgress(tqdm):
        """Ends a transfer that restarts again and again, where the server takes no ranges."""

        num_restarts = 0

        def update(self, n: float | None = 1) -> Any:  # noqa: ANN401 - as tqdm's
            if n is not None and n < 0:
                self.num_restarts += 1
                if self.num_restarts >= _MAX_RESTARTS:
                    raise ConnectionError(f"the connection was cut {_MAX_RESTARTS} times")
            return super().update(n)

    try:
        cached = {
            huggingface_hub.try_to_load_from_cache(name, file, revision=revision) for file in files
        }
        folder = Path(
            huggingface_hub.snapshot_download(
                name, revision=revision, allow_patterns=list(files), tqdm_class=BoundedProgress
            )
        )
    except errors.GatedRepoError as error:
        raise ValueError(
            f"{name}: its owner asks you to accept terms; do so on the hub, then `hf auth login`"
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ValueError(
            f"{name}: neither a directory here nor a repository on the hub that you may see; check "
            "the name, or `hf auth login` if it is private"
        ) from error
    except Exception as error:  # of the network, in any of its layers
        reason = str(error).split("\n")[0] or type(error).__name__
        raise ValueError(
            f"{name}: could not fetch {files[0]} ({reason}), and there is no directory of this "
            f"name here; check the path, or where there is a network run "
            f"`hf download {name} --local-dir FOLDER`, and load that FOLDER"
        ) from error
    for path in (folder / file for file in files):
        if path.is_file() and str(path) not in cached:
            _check_hash(path, name)
    return folder


def _check_hash(path: Path, name: str) -> None:
    """Compare a file with the hash that the hub announced, which is its name in the cache.

    Raises:
        ValueError: they differ; the file is deleted then.
    """
    blob = path.resolve()
    with blob.open("rb") as file:
        if re.fullmatch(r"[0-9a-f]{64}", blob.name):  # of a large file: its SHA-256
            digest = hashlib.file_digest(file, "sha256")
        elif re.fullmatch(r"[0-9a-f]{40}", blob.name):  # of a small one: git's name for it
            digest = hashlib.sha1(f"blob {blob.stat().st_size}\0".encode())
            digest.update(file.read())
        else:  # a cache without symbolic links does not store the hash
            return
    if digest.hexdigest() != blob.name:
        path.unlink()
        blob.unlink()
        raise ValueError(
            f"{name}: {path.name} came with a wrong hash, {digest.hexdigest()[:12]}… instead of "
            f"{blob.name[:12]}…; it was deleted, load the model again to fetch it"
        )
