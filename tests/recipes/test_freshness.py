"""Stamps: work is reused exactly as long as nothing it depends on has changed."""

from pathlib import Path

import pytest

from stages import stamps as freshness
from stages.stamps import fingerprint, is_fresh, stamped, write_stamp


def test_a_stamp_is_fresh_for_its_own_fingerprint_only(tmp_path: Path) -> None:
    """The stamped fingerprint is recognised, and no other."""
    stamp = tmp_path / "stage" / "stamp.json"
    write_stamp(stamp, "abc")
    assert is_fresh(stamp, "abc")
    assert not is_fresh(stamp, "abd")
    assert stamped(stamp) == "abc"


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"other": 1}', "null"])
def test_a_missing_or_damaged_stamp_is_not_fresh(tmp_path: Path, content: str | None) -> None:
    """A partial stamp counts as none, so the stage runs again."""
    stamp = tmp_path / "stamp.json"
    if content is not None:
        stamp.write_text(content)
    assert stamped(stamp) == ""
    assert not is_fresh(stamp, "abc")


def test_the_fingerprint_follows_recipe_code_and_inputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed value, source file or earlier stage changes it; the order of keys does not."""
    monkeypatch.setattr(freshness, "_ROOT", tmp_path)
    code = tmp_path / "stage" / "inner" / "work.py"
    code.parent.mkdir(parents=True)
    code.write_text("one = 1\n")
    before = fingerprint({"a": 1, "b": [2]}, ["stage"], ["earlier"])

    assert fingerprint({"b": [2], "a": 1}, ["stage"], ["earlier"]) == before
    assert fingerprint({"a": 1, "b": [3]}, ["stage"], ["earlier"]) != before
    assert fingerprint({"a": 1, "b": [2]}, ["stage"], ["later"]) != before
    single = fingerprint({}, ["stage/inner/work.py"])
    code.write_text("one = 2\n")
    assert fingerprint({"a": 1, "b": [2]}, ["stage"], ["earlier"]) != before
    assert fingerprint({}, ["stage/inner/work.py"]) != single
