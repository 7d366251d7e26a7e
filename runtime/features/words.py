"""Split a text into words, which are its categories."""

import unicodedata
from functools import lru_cache

import regex  # type: ignore[import-untyped]

#: Word boundaries of UAX 29 (https://www.unicode.org/reports/tr29).
_BOUNDARY = regex.compile(r"\b", regex.VERSION1 | regex.WORD)
#: A segment that holds one of these is a word. © ® ™ are emoji only by name.
_OF_WORDS = regex.compile(
    r"[\p{L}\p{N}[\p{Extended_Pictographic}\p{Regional_Indicator}--[©®™]]]", regex.VERSION1
)
#: Soft hyphens, joiners and variation selectors, which do not tell words apart.
_INVISIBLE = regex.compile(r"\p{Default_Ignorable_Code_Point}+")
#: Longer segments are not kept in the cache, so that it stays small whatever the texts are.
_CACHED_LENGTH = 32


def words(text: str) -> list[str]:
    """Segments between Unicode's word boundaries that hold a letter, number or emoji, in order.

    Each is spelled as NFKC_Casefold, so that neither case nor the choice of code points matters. In
    scripts without spaces, such as Chinese, Japanese or Thai, each character is a word (of Katakana, each
    run).
    """
    found = []
    for segment in _BOUNDARY.split(text):
        word = _cached(segment) if len(segment) <= _CACHED_LENGTH else _word(segment)
        if word:
            found.append(word)
    return found


def _word(segment: str) -> str:
    """A segment as a word is spelled; an empty string if it is none."""
    if not _OF_WORDS.search(segment):
        return ""
    if segment.isascii():
        return segment.lower()
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFD", segment).casefold())
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())


_cached = lru_cache(1 << 16)(_word)
