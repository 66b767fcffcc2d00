"""A name on the Hugging Face hub becomes a folder in its cache, and a model a repository there.

`huggingface_hub` does the work: its cache, its environment variables (HF_HOME, HF_ENDPOINT,
HF_HUB_OFFLINE, HF_TOKEN) and its log-in apply. It compares sizes, not hashes, so those are compared
here. Knows which files a model has, not what is in them.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from pathlib import Path
from typing import Any

import huggingface_hub
from huggingface_hub import constants, errors
from huggingface_hub.utils import tqdm

from actionclip.model.actionclip import ActionCLIP
from actionclip.model.layouts import hub_folder, open_clip

_MAX_RESTARTS = 3


def fetch(name: str) -> Path:
    """Fetch a model unless it is in the cache, and give the folder it lies in.

    Args:
        name: owner/repository.

    Raises:
        ValueError: the hub does not have it, cannot be reached, or sends something else than it
            announced.
    """
    config = _fetch_file(name, hub_folder.CONFIG, revision=None)
    other = None
    if config is None or not {"model_type", "encoder"} & hub_folder.read_json(config).keys():
        revision = None if config is None else config.parent.name
        other = _fetch_file(name, open_clip.CONFIG, revision)
    config = config or other
    if config is None:
        raise ValueError(
            f"{name}: the hub has neither {hub_folder.CONFIG} nor {open_clip.CONFIG} for it, so it"
            " is no model"
        )
    commit = config.parent.name  # all files come from the same one
    for file_name in hub_folder.OPTIONAL_FILES if other is None else ():
        _fetch_file(name, file_name, commit)
    for file_name in hub_folder.WEIGHTS if other is None else open_clip.WEIGHTS:
        path = _fetch_file(name, file_name, commit)
        if path is not None:
            for shard in hub_folder.shards(path) if path.suffix == ".json" else ():
                _fetch_file(name, shard, commit)
            return config.parent
    wanted = hub_folder.WEIGHTS if other is None else open_clip.WEIGHTS
    raise ValueError(f"{name}: the hub has no weights for it; expected one of {list(wanted)}")


def push(model: ActionCLIP, name: str, *, private: bool = False) -> str:
    """Upload a checkpoint, from where `ActionCLIP.load(name)` fetches it; give its address.

    Args:
        model: goes there as `ActionCLIP.save` writes it, with a card.
        name: owner/repository; made if it is not there.
        private: whether only the owner sees a repository made now.
    """
    api = huggingface_hub.HfApi()
    repository = api.create_repo(name, private=private, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        model.save(folder)
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


def _fetch_file(name: str, file_name: str, revision: str | None) -> Path | None:
    """Fetch one file, or give None where the repository does not have it."""
    cached = huggingface_hub.try_to_load_from_cache(name, file_name, revision=revision)
    if revision is not None and cached is not None:
        return Path(cached) if isinstance(cached, str) else None  # known to be absent
    try:
        path = Path(
            huggingface_hub.hf_hub_download(
                name, file_name, revision=revision, tqdm_class=_BoundedProgress
            )
        )
    except errors.RemoteEntryNotFoundError:
        return None
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
        if revision is not None and constants.HF_HUB_OFFLINE:
            return None
        reason = str(error).split("\n")[0] or type(error).__name__
        raise ValueError(
            f"{name}: could not fetch {file_name} ({reason}), and there is no directory of this "
            f"name here; check the path, or where there is a network run "
            f"`hf download {name} --local-dir FOLDER`, and load that FOLDER"
        ) from error
    if str(path) != cached:
        _check_hash(path, name)
    return path


def _check_hash(path: Path, name: str) -> None:
    """Compare a file with the hash that the hub announced, which names its place in the cache.

    Raises:
        ValueError: they differ; the file is gone then.
    """
    blob = path.resolve()
    with blob.open("rb") as file:
        if re.fullmatch(r"[0-9a-f]{64}", blob.name):  # of a large file: its SHA-256
            digest = hashlib.file_digest(file, "sha256")
        elif re.fullmatch(r"[0-9a-f]{40}", blob.name):  # of a small one: git's name for it
            digest = hashlib.sha1(f"blob {blob.stat().st_size}\0".encode())
            digest.update(file.read())
        else:  # a cache without symbolic links does not keep the hash
            return
    if digest.hexdigest() != blob.name:
        path.unlink()
        blob.unlink()
        raise ValueError(
            f"{name}: {path.name} came with a wrong hash, {digest.hexdigest()[:12]}… instead of "
            f"{blob.name[:12]}…; it was deleted, load the model again to fetch it anew"
        )


class _BoundedProgress(tqdm):
    """The hub's progress bar; ends a transfer that begins anew again and again.

    `huggingface_hub` goes on where a cut transfer stopped. Where a server only sends from the
    start, it would try without end.
    """

    num_restarts = 0

    def update(self, n: float | None = 1) -> Any:  # noqa: ANN401 - as tqdm's
        if n is not None and n < 0:
            self.num_restarts += 1
            if self.num_restarts >= _MAX_RESTARTS:
                raise ConnectionError(f"the connection was cut {_MAX_RESTARTS} times")
        return super().update(n)
