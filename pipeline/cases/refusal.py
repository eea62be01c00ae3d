"""The one way in which a step is refused: a sentence that says what is missing."""

from __future__ import annotations

from geodata.errors import InputError


class StepRefused(InputError):
    """A step that the table does not have, or whose proof is missing; nothing was written."""
