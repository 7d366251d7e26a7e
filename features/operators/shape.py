"""Numbers clipped and log-transformed, in float64."""

from typing import Any

import numpy as np
from merlin.schema import Tags
from nvtabular.ops import Operator

from features.operators.floats import floats_of
from runtime.features.numeric import shaped


class Shape(Operator):
    """Applies ``clip`` and ``log`` to a numeric feature.

    NVTabular has ``Clip`` and ``LogOp``, but ``LogOp`` computes in float32, overwrites its input, and
    returns minus infinity or NaN for numbers of -1 or less.
    """

    def __init__(self, clip: tuple[float, float] | None, log: bool) -> None:
        super().__init__()
        self.clip, self.log = clip, log

    def transform(self, col_selector: Any, df: Any) -> Any:
        numbers = type(df)()
        for name in col_selector.names:
            numbers[name] = shaped(floats_of(df[name]), self.clip, self.log)
        return numbers

    @property
    def output_dtype(self) -> type:
        return np.float64

    @property
    def output_tags(self) -> list[Tags]:
        return [Tags.CONTINUOUS]
