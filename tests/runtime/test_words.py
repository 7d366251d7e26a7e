"""A text's words, as Unicode segments and folds them; preparation and service give the same ones."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.kinds.text import Text
from runtime.features.categorical import Categorical
from runtime.features.codes import FIRST_KNOWN
from runtime.features.words import words

WORDS = {
    "Hindi": ("हिन्दी किताब", ["हिन्दी", "किताब"]),
    "Bengali": ("ভৌতিক গল্প", ["ভৌতিক", "গল্প"]),
    "Tamil": ("தமிழ் புத்தகம்", ["தமிழ்", "புத்தகம்"]),
    "Arabic with vowel signs": ("كِتَابٌ، جَمِيل", ["كِتَابٌ", "جَمِيل"]),
    "Hebrew with points": ("שָׁלוֹם עולם", [unicodedata.normalize("NFKC", "שָׁלוֹם"), "עולם"]),
    "decomposed": ("E\u0301te\u0301", ["été"]),
    "dotted capital i": ("İstanbul", ["i\u0307stanbul"]),
    "sharp s and ligature": ("STRASSE Straße ﬁn", ["strasse", "strasse", "fin"]),
    "full width": ("ＡＢＣ１ ﾋｶﾙ", ["abc1", "ヒカル"]),
    "Korean": ("한국어 단어", ["한국어", "단어"]),
    "Chinese and Japanese": ("宇多田ヒカル", ["宇", "多", "田", "ヒカル"]),
    "Thai": ("ดี ครับ", ["ดี", "ค", "รั", "บ"]),
    "Persian with a non-joiner": ("می\u200cخواهم", ["میخواهم"]),
    "soft hyphen": ("co\u00adop", ["coop"]),
    "English": ("Don't stop, A.D. 3.5! (pt_2) AC/DC", ["don't", "stop", "a.d", "3.5", "pt_2", "ac", "dc"]),
    "emoji": ("👍🏽❤️ 👨\u200d👩\u200d👧 🇩🇪🇫🇷 ok", ["👍🏽", "❤", "👨👩👧", "🇩🇪", "🇫🇷", "ok"]),
    "no words": (" \t\r\n … © Ⓡ ™ ___ -- ।", []),
    "broken": ("a\ud800b \udfff c\0d", ["a", "b", "c", "d"]),
}  # fmt: skip


@pytest.mark.parametrize("name", WORDS)
def test_words_of_many_scripts(name: str) -> None:
    """Marks stay in their word, case and the choice of code points do not matter."""
    text, expected = WORDS[name]
    assert words(text) == expected


@given(st.text())
def test_equivalent_texts_have_the_same_words(text: str) -> None:
    """A composed and a decomposed text are one text to Unicode."""
    composed, decomposed = (unicodedata.normalize(form, text) for form in ("NFC", "NFD"))
    assert words(composed) == words(decomposed)


@given(st.text())
def test_a_word_has_one_spelling(text: str) -> None:
    """Folding the spelling again changes nothing: no two spellings of a word get two codes."""
    for word in words(text):
        assert unicodedata.normalize("NFKC", word.casefold()) == word


@given(st.lists(st.none() | st.text(), min_size=1))
def test_preparation_and_service_find_the_same_words(texts: list[str | None]) -> None:
    """The words that ``prepare`` counts are the ones that the server looks up."""
    prepared = Text().typed("said", pl.DataFrame({"said": texts}, {"said": pl.String}))
    vocabulary = sorted({word for row in prepared.drop_nulls().to_list() for word in row})
    codes = {word: code for code, word in enumerate(vocabulary, FIRST_KNOWN)}
    served = Categorical("said", "string", codes, max_length=99, text=True).encode(texts)
    for row, expected in zip(served.tolist(), prepared.to_list(), strict=True):
        wanted = [1] if expected is None else [codes[word] for word in expected[:99]]
        assert row == wanted + [0] * (99 - len(wanted))


def test_long_segments_are_words_too() -> None:
    """However long, with or without marks."""
    assert words("कि" * 999 + " " + "X" * 999) == ["कि" * 999, "x" * 999]
