"""A text as the words that are its categories."""

import re

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores of any script, in lower case, in their order."""
    return _WORD.findall(text.lower())
