"""Render an inspection as tables for a terminal."""

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table

from workflows.inspection.facts import ColumnFacts, Inspection, Span


def tables(found: Inspection) -> Group:
    """Return rows, columns, outcomes, activity, cold ids, time and remarks, without ``found.refusals``."""
    parts: list[RenderableType] = [
        _table(f"{found.recipe}: rows", rows_of(found)),
        _columns(found),
        *(
            _table(f"Outcomes: {balance.of}", shares(dict(balance.outcomes)))
            for balance in found.balances
        ),
        _table("Interactions per user and per item", activity_of(found)),
    ]
    if found.cold:
        parts.append(_table("Cold start: in the test part only", cold_of(found)))
    if found.span is not None:
        parts.append(f"time: {period(found.span)}")
    parts += [f"! {remark}" for remark in found.remarks]
    return Group(*parts)


def rows_of(found: Inspection) -> dict[str, str]:
    """Return the number of rows by name: of each table, those that count, and those of each part."""
    rows = {name: f"{count:,}" for name, count in found.tables.items()}
    if found.filtered != found.tables["interactions"]:
        rows["interactions after the filter"] = f"{found.filtered:,}"
    if found.weightless:
        rows["interactions with weight 0"] = f"{found.weightless:,} (dropped)"
    has_outcomes = found.positives_merged or found.positive_before
    which = (
        "latest positive of each pair, or else its latest,"
        if has_outcomes
        else "latest of each pair"
    )
    fate = "kept" if found.repeats_are_kept else f"the {which} counts"
    rows["repeated (user, item) pairs"] = f"{found.repeated:,} ({fate})"
    if has_outcomes:
        rows["positives merged with a later one"] = f"{found.positives_merged:,}"
        rows["positive pairs whose latest is none"] = f"{found.positive_before:,}"
    rows["interactions that count"] = f"{found.counted:,}"
    rows |= {f"in the {part} part": f"{count:,}" for part, count in found.parts.items()}
    if found.repeated:
        kept = "" if found.repeats_are_kept else ", if repeats were kept"
        rows["repeat consumption in the test part"] = f"{found.repeats}{kept}"
    return rows


def shares(counts: dict[str, int]) -> dict[str, str]:
    """Return each number with its share of the total."""
    total = sum(counts.values())
    return {name: f"{count:,} ({count / total:.1%})" for name, count in counts.items()}


def activity_of(found: Inspection) -> dict[str, str]:
    """Return a line for users and one for items."""
    return {
        each.name: f"{each.least:,} to {each.most:,}, median {each.median:,.0f}; the most active 1% have "
        f"{each.top_share:.1%} of all"
        for each in found.activity
    }


def cold_of(found: Inspection) -> dict[str, str]:
    """Return a line for users and one for items."""
    return {
        each.name: f"{each.ids:,} of {each.of_ids:,}, with {each.rows:,} of {each.of_rows:,} "
        "interactions"
        for each in found.cold
    }


def period(span: Span) -> str:
    """Return the first and last moment, and the days between them."""
    days = (span.last - span.first) / 86_400
    return f"{_moment(span.first)} to {_moment(span.last)} (UTC), {days:,.1f} days"


def day(seconds: float) -> str:
    """Return the day of a moment, or its second if Python's calendar does not reach that year."""
    return _moment(seconds, "%Y-%m-%d")


def _moment(seconds: float, form: str = "%Y-%m-%d %H:%M") -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime(form)
    except (ValueError, OverflowError, OSError):
        return f"second {seconds:,.0f}"


#: The header of ``column_row``.
COLUMN_HEADER = ("column", "type", "null", "distinct", "commonest", "PSI", "AUC")


def column_row(column: ColumnFacts) -> tuple[str, ...]:
    """Return a column's figures as text."""
    commonest = ""
    if column.commonest is not None:
        value, share = column.commonest
        commonest = f"{value if len(value) <= 24 else value[:23] + '…'} ({share:.1%})"
    drift = "" if column.drift is None else f"{column.drift.index:.3f} {column.drift.verdict}"
    return (
        column.name,
        column.type,
        f"{column.nulls / column.rows:.1%}",
        f"{column.distinct:,}",
        commonest,
        drift,
        "" if column.auc is None else f"{column.auc:.3f}",
    )


def _columns(found: Inspection) -> Table:
    table = Table(title="Columns; PSI: drift from train to test; AUC: alone, on the positives")
    for name in COLUMN_HEADER:
        right = name in ("null", "distinct", "AUC")
        table.add_column(name, justify="right" if right else "left", overflow="fold")
    for column in found.columns:
        table.add_row(*column_row(column))
    return table


def _table(title: str, rows: dict[str, str]) -> Table:
    table = Table(title=title, show_header=False, title_justify="left")
    table.add_column()
    table.add_column(overflow="fold")
    for name, value in rows.items():
        table.add_row(name, value)
    return table
