"""Propose a feature for a column of the users or items, by its type and its values."""

import json
import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from sources.proposal.facts import Facts
from sources.proposal.names import CODES, TITLES
from sources.proposal.roles import format_of, unit_of

_SEPARATORS = ("|", ";", ",", "/")
#: More distinct values than this, and single rows would have codes of their own.
_CATEGORIES = 100_000
#: Words that occur less often are left out of texts.
_RARE = 5


@dataclass(frozen=True)
class Proposed:
    """A feature, as TOML spells its value, or a column that is left out."""

    name: str
    #: Empty: left out.
    toml: str
    reason: str
    #: What ``[source.columns.NAME]`` must say for it, as TOML spells the keys.
    reading: str = ""


def title_of(columns: list[Facts]) -> Facts | None:
    """The column with the title to show: text with such a name, and hardly ever the same twice."""
    texts = [each for each in columns if each.is_text and each.distinct > 0.5 * each.rows]
    for word in TITLES:
        for each in texts:
            if word in each.words:
                return each
    return None


def feature_of(column: Facts, has_times: bool) -> Proposed:
    """The feature for a column, or why it is left out.

    Args:
        has_times: whether the interactions have times, which ages are counted to.
    """
    kind = column.type
    if column.distinct == 0:
        return _without(column, "it has no values")
    if pa.types.is_list(kind):
        return _list(column)
    if column.distinct == 1:
        return _without(column, "it has one value only")
    if "/" in column.name:
        return _without(column, "a feature's name has no slash: rename it to use it")
    if pa.types.is_boolean(kind):
        return _categorical(column, "true or false")
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _age(column, "a time", "", has_times)
    if column.is_text:
        return _text(column, has_times)
    if column.is_whole:
        return _whole(column, has_times)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return _number(column)
    return _without(column, f"no kind of feature reads {kind}")


def _without(column: Facts, why: str) -> Proposed:
    return Proposed(column.name, "", why)


def _categorical(column: Facts, why: str, more: str = "", reading: str = "") -> Proposed:
    return Proposed(column.name, f'{{ kind = "categorical"{more} }}', why, reading)


def _list(column: Facts) -> Proposed:
    values = f"lists of {column.distinct:,} distinct values"
    if not (
        pa.types.is_string(column.type.value_type) or pa.types.is_integer(column.type.value_type)
    ):
        return _without(column, f"no kind of feature reads {column.type}")
    if column.distinct > _CATEGORIES:
        return _categorical(column, values, f", list = true, frequency_threshold = {_RARE}")
    return _categorical(column, values, ", list = true")


def _age(column: Facts, why: str, reading: str, has_times: bool) -> Proposed:
    if not has_times:
        return _without(column, "an age needs the times of the interactions")
    return Proposed(column.name, '{ kind = "age" }', why, reading)


def _text(column: Facts, has_times: bool) -> Proposed:
    if layout := format_of(column):
        return _age(column, f"times such as {layout}", f"format = {_quoted(layout)}", has_times)
    if _are_amounts(column):
        return Proposed(column.name, _numeric(column), "numbers with a currency", 'cast = "float"')
    if separator := _separator(column):
        what = f'lists as text, separated by "{separator}"'
        return _categorical(column, what, ", list = true", f"separator = {_quoted(separator)}")
    values = f"{column.distinct:,} distinct texts in {column.rows:,} rows"
    few = column.distinct <= max(20, 0.5 * column.rows)
    if few and column.words_per_value <= 4:
        if column.distinct > _CATEGORIES:
            return _categorical(column, values, f", frequency_threshold = {_RARE}")
        return _categorical(column, values)
    if column.words_per_value >= 2:
        threshold = f", frequency_threshold = {_RARE}" if column.rows > 1000 else ""
        what = f"{values}, {column.words_per_value:.0f} words each"
        return Proposed(column.name, f'{{ kind = "text"{threshold} }}', what)
    return _without(column, f"{values}: nearly every row has its own")


def _whole(column: Facts, has_times: bool) -> Proposed:
    values = f"{column.distinct:,} distinct integers in {column.rows:,} rows"
    named = column.words & {"at", "date", "time", "timestamp", "ts", "on", "created", "released"}
    if named and (unit := unit_of(column)):
        reading = f"unit = {_quoted(unit)}" if unit != "s" else ""
        return _age(column, f"times since 1970 in {unit}", reading, has_times)
    if column.words & CODES:
        if column.distinct > 0.5 * column.rows and column.distinct > 20:
            return _without(column, f"{values}: nearly every row has its own")
        return _categorical(column, f"{values}, and a name of codes")
    if column.is_key and column.rising and column.rows > 20:
        return _without(column, f"{values} that rise from row to row: a number of the row")
    if column.distinct <= 10:
        return _categorical(column, values)
    return _number(column)


def _number(column: Facts) -> Proposed:
    bounds = pc.min_max(pc.cast(column.values, pa.float64())).as_py()
    what = f"numbers from {bounds['min']:g} to {bounds['max']:g}"
    return Proposed(column.name, _numeric(column), what)


def _numeric(column: Facts) -> str:
    """With a logarithm if a few values are many times the middle one, as prices and counts are."""
    if column.is_text:
        return '{ kind = "numeric", log = true }'
    values = pc.cast(column.values, pa.float64())
    middle, most = pc.quantile(values, [0.5, 0.99]).to_pylist()
    skewed = pc.min(values).as_py() >= 0 and most > 10 * middle > 0
    return f'{{ kind = "numeric"{", log = true" if skewed else ""} }}'


def _are_amounts(column: Facts) -> bool:
    """Whether all of a text is numbers with a currency or with separators of thousands."""
    pattern = r"^\s*[$€£¥]?\s*-?[0-9]{1,3}(,?[0-9]{3})*(\.[0-9]+)?\s*$"
    return bool(pc.all(pc.match_substring_regex(column.values, pattern)).as_py())


def _separator(column: Facts) -> str:
    """What separates the values of lists that are text: few values, in many combinations."""
    some = column.values.slice(0, 10_000)
    for separator in _SEPARATORS:
        with_it = pc.mean(pc.cast(pc.match_substring(some, separator), pa.float64())).as_py()
        if with_it < 0.2:
            continue
        parts = pc.list_flatten(pc.split_pattern(some, separator))
        distinct = pc.unique(parts)
        short = pc.mean(pc.utf8_length(distinct)).as_py() < 25
        loose = separator == "," and pc.any(pc.match_substring_regex(parts, r"^\s")).as_py()
        if short and len(distinct) < 0.7 * len(parts) and not loose and not _are_urls(some):
            return separator
    return ""


def _are_urls(texts: pa.Array) -> bool:
    return bool(pc.any(pc.match_substring(texts, "://")).as_py())


def _quoted(text: str) -> str:
    """A string of TOML."""
    return json.dumps(text, ensure_ascii=False)


def key(name: str) -> str:
    """A key of TOML: bare if it may be."""
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _quoted(name)
