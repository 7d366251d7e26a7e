"""Numbers as categories: the code of the interval that a number lies in."""

from typing import Any

from features.operators.code_operator import CodeOperator
from features.operators.floats import floats_of
from runtime.features.codes import FIRST_KNOWN
from runtime.features.numeric import bucket_codes


class BucketCodes(CodeOperator):
    """Null and NaN: code 1; x: 3 + the number of boundaries that are at most x.

    NVTabular's ``Bucketize`` numbers the intervals from 0, which is the code of padding, and has no
    place for nulls.
    """

    def __init__(self, boundaries: dict[str, tuple[float, ...]]) -> None:
        super().__init__()
        self.boundaries = boundaries

    def transform(self, col_selector: Any, df: Any) -> Any:
        codes = type(df)()
        for name in col_selector.names:
            codes[name] = bucket_codes(floats_of(df[name]), self.boundaries[name])
        return codes

    def domain(self, name: str) -> tuple[int, str]:
        return bucket_cardinality(self.boundaries[name]), name


def bucket_cardinality(boundaries: tuple[float, ...]) -> int:
    """How many codes there are, those of padding, null and out-of-vocabulary included."""
    return FIRST_KNOWN + len(boundaries) + 1
