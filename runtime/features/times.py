"""Times as numbers, read the same way in training and serving."""

from calendar import timegm
from datetime import date, datetime
from typing import Any

SECONDS_A_DAY = 86_400


def seconds_of(value: Any) -> float:
    """Whole seconds since 1970 (UTC) of a datetime, a date, the ISO text of one, or a number of seconds.

    A time without a zone is UTC. NaN if the value is missing or not a time.
    """
    try:
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        if value is None or value != value:  # pandas' missing time is a datetime too
            return float("nan")
        if isinstance(value, datetime):
            return float(timegm(value.utctimetuple()))
        return float(timegm(value.timetuple()) if isinstance(value, date) else value)
    except (TypeError, ValueError, OverflowError):
        return float("nan")
