"""The base class of the served graph's operators: named columns in, new named columns out.

Columns are NumPy arrays whose first dimension is the batch of users. ``raw.NAME`` is a raw value,
``user.NAME`` and ``item.NAME`` are model inputs, ``candidate.NAME`` is a number per candidate. Strings
are object arrays; matrices are padded, and users are never flattened together.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..release import Release

Columns = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Column:
    """An output: its name, NumPy dtype (``object`` for strings) and shape past the batch.

    None in the shape is a dimension that depends on the request.
    """

    name: str
    dtype: str
    shape: tuple[int | None, ...] = ()


@dataclass(frozen=True)
class Config:
    """An operator's settings: values that JSON can express."""


class Operator(ABC):
    """One step of the served graph. It holds no state between requests."""

    #: The name in ``plan.json``.
    name: ClassVar[str]
    #: The one of ``meters.STAGES`` that its time counts towards.
    stage: ClassVar[str]
    config_type: ClassVar[type[Config]] = Config

    def __init__(self, config: Any, release: Release) -> None:
        self.config = config

    @property
    @abstractmethod
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns that ``run`` reads."""

    @property
    @abstractmethod
    def outputs(self) -> tuple[Column, ...]:
        """The columns that ``run`` makes."""

    @abstractmethod
    def run(self, columns: Columns) -> dict[str, np.ndarray]:
        """Make the output columns for a batch of users."""
