"""Split a text into words, which are its categories."""

import re

_WORD = re.compile(r"\w+")


def words(text: str) -> list[str]:
    """Runs of letters, digits and underscores of any script, in lower case, in order."""
    return _WORD.findall(text.lower())
