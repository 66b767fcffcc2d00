"""A seed becomes a folder of short videos of stick figures doing sixteen actions."""

from actionclip.data.stick_figures.dataset import make as make

__all__ = ["make"]
