"""Hashed codes, and the spelling of crossed features."""

import pytest

from runtime.features.codes import combination, hashed_code


@pytest.mark.parametrize(
    ("value", "digest"),
    [
        # printf '%s' VALUE | b2sum --length 64
        ("red", "0de917af2f0a48a3"),
        ("7", "e75017cace788f82"),
        ("", "e4a6a0577479b2b4"),
    ],
)
def test_a_hash_is_the_one_that_another_program_computes(value: str, digest: str) -> None:
    """A release built again on another machine gives a value the same code."""
    number = int.from_bytes(bytes.fromhex(digest), "little")
    assert hashed_code(value, 1000) == 3 + number % 1000
    assert hashed_code(value, 2) == 3 + number % 2


def test_hashes_fill_their_bins_evenly() -> None:
    """Of 10,000 similar values in 100 bins, no bin gets half or twice its share."""
    counts = [0] * 100
    for number in range(10_000):
        counts[hashed_code(f"item {number}", 100) - 3] += 1
    assert 50 < min(counts) <= max(counts) < 200


def test_half_a_character_has_a_code_too() -> None:
    """JSON can hold half a surrogate pair, which UTF-8 cannot: such a request is answered."""
    assert hashed_code("\ud800", 10) in range(3, 13)


def test_codes_are_told_apart_when_spelled_together() -> None:
    """1 and 12 differ from 11 and 2; if every part is null, so is the combination."""
    assert combination([1, 12]) == "1,12"
    assert combination([11, 2]) == "11,2"
    assert combination([1, 1]) is None
