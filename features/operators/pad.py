"""Lists of one length, padded with code 0 at the end."""

from typing import Any

import numpy as np
import pandas as pd
from nvtabular.ops import ListSlice

from runtime.features.codes import PADDING
from runtime.lists import padded


class Pad(ListSlice):
    """Pads lists of at most ``length`` codes to that length.

    NVTabular 23.8 does not pad arrays on a CPU: it discards the result of ``np.append``.
    """

    def __init__(self, length: int) -> None:
        super().__init__(length, pad=True, pad_value=PADDING)

    def transform(self, col_selector: Any, df: Any) -> Any:
        if not isinstance(df, pd.DataFrame):
            return super().transform(col_selector, df)
        filled = {}
        for name in col_selector.names:
            lengths = df[name].map(len).to_numpy(np.int64)
            values = np.concatenate([np.empty(0, np.int64), *df[name]])
            filled[name] = pd.Series(list(padded(values, lengths, self.max_elements)), dtype=object)
        return pd.DataFrame(filled)
