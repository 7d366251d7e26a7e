"""Moments as numbers: one reading of them, when trained and when served."""

from calendar import timegm
from datetime import date, datetime
from typing import Any

SECONDS_A_DAY = 86_400


def seconds_of(value: Any) -> float:
    """Whole seconds since 1970 (UTC) of a datetime, a date, the ISO text of one, or a number of seconds.

    What names no zone is UTC. NaN for what is missing or no time.
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return float("nan")
    if isinstance(value, datetime):
        # of a missing time pandas makes one that differs from itself
        return float(timegm(value.utctimetuple())) if value == value else float("nan")
    if isinstance(value, date):
        return float(timegm(value.timetuple()))
    try:
        return float("nan") if value is None else float(value)
    except (TypeError, ValueError):
        return float("nan")
