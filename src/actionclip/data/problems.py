"""Mistakes in data are collected, each with file and line, and told together.

Someone who prepares a list of ten thousand clips wants all that is wrong with it, not one mistake a
run.
"""

from dataclasses import dataclass, field

from actionclip import display

MAX_SHOWN = 20
"""An error message holds this many problems; `data check` shows all."""


class ProblemsError(ValueError):
    """Mistakes that were found, one a line."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


@dataclass
class Problems:
    """What is wrong with a data set so far."""

    found: list[str] = field(default_factory=list)

    def add(self, source: str, what: str) -> None:
        """Note a mistake: where it is written, what is wrong, and what to do."""
        self.found.append(display.one_line(f"{source}: {what}"))

    def raise_if_any(self) -> None:
        """Stop if there is a mistake.

        Raises:
            ProblemsError: there is; the message has one line for each.
        """
        if not self.found:
            return
        lines = self.found[:MAX_SHOWN]
        if len(self.found) > MAX_SHOWN:
            lines.append(f"… and {len(self.found) - MAX_SHOWN} more like these")
        raise ProblemsError(lines)
