"""What computes: the parts of this machine and its software that numbers and times depend on.

No names of hosts or people: a report is shown to others.
"""

from __future__ import annotations

import platform
from importlib import metadata

import torch


def describe() -> dict[str, str]:
    """Say it in words, each with what it is about."""
    gpus = [torch.cuda.get_device_name(number) for number in range(torch.cuda.device_count())]
    instructions = torch.backends.cpu.get_cpu_capability()
    return {
        "system": f"{platform.system()}, {platform.machine()}",
        "processor": f"{torch.get_num_threads()} threads, {instructions}",
        "graphics": ", ".join(gpus) or "none",
        "python": platform.python_version(),
        "torch": metadata.version("torch"),
        "transformers": metadata.version("transformers"),
    }
