"""The base of the NVTabular operators that encode categories without a vocabulary."""

from abc import abstractmethod
from typing import Any

import numpy as np
from merlin.schema import Tags
from nvtabular.ops import Operator


class CodeOperator(Operator):
    """Returns codes and declares their domain in the schema."""

    @abstractmethod
    def domain(self, name: str) -> tuple[int, str]:
        """The number of codes of a column, including those before the first known value, and the domain's
        name."""

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
