"""What NVTabular's operators of categories without a vocabulary have in common."""

from abc import abstractmethod
from typing import Any

import numpy as np
from merlin.schema import Tags
from nvtabular.ops import Operator


class CodeOperator(Operator):
    """Gives codes whose number is known before anything is fitted."""

    @abstractmethod
    def domain(self, name: str) -> tuple[int, str]:
        """How many codes a column has, those before the first known value included, and what the domain is
        called."""

    @property
    def output_dtype(self) -> type:
        return np.int64

    @property
    def output_tags(self) -> list[Tags]:
        return [Tags.CATEGORICAL]

    def _compute_properties(self, col_schema: Any, input_schema: Any) -> Any:
        schema = super()._compute_properties(col_schema, input_schema)
        count, name = self.domain(col_schema.name)
        domain = {"min": 0, "max": count - 1, "name": name}
        return schema.with_properties({**schema.properties, "domain": domain})
