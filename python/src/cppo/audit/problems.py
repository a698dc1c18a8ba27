"""What an audit refuses."""

from __future__ import annotations

import re


class InputError(ValueError):
    """A file or an argument that cannot be used: one sentence with the place and the remedy, on one line."""

    def __init__(self, sentence: str) -> None:
        super().__init__(re.sub(r"[\x00-\x1f\x7f\x80-\x9f]", "?", sentence))
