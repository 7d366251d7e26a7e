"""Decimals -> floats."""

from decimal import Decimal

import numpy as np
import pyarrow as pa

#: A float keeps every decimal of this many digits.
_DIGITS = 15


def floats(decimals: pa.Array) -> pa.Array:
    """The nearest float64 of each; through text, because Arrow's own cast is off in the last bit."""
    return decimals.cast(pa.string()).cast(pa.float64())


def lose_digits(decimals: pa.Array, as_floats: pa.Array) -> bool:
    """Whether a decimal has digits that its float does not show."""
    found = np.asarray(as_floats.fill_null(0))
    long = np.abs(found) >= 10.0 ** (_DIGITS - decimals.type.scale)
    pairs = zip(decimals.filter(pa.array(long)), found[long], strict=True)
    return any(exact.as_py() != Decimal(repr(float(number))) for exact, number in pairs)
