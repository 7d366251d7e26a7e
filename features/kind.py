"""The interface of a feature kind: its keys in a recipe, and how its features are fitted, applied and served.

A kind is one class in one file of ``features/kinds/`` and is discovered there. It extends one of the three
families beside this file: ``category`` (codes from a vocabulary or a hash), ``codes`` (codes from a rule over
numbers) and ``number``. A family handles the engines and the server; a kind mostly defines where its values
come from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol

import numpy as np

from features.target_statistics import TargetStatistics
from runtime.features.codes import FIRST_KNOWN
from runtime.features.spelling import spell
from runtime.features.vocabulary import Vocabulary
from runtime.safe_names import safe_name
from stages.configuration import Table
from stages.lazy import pa, pd, pl

Side = Literal["user", "item"]


@dataclass(frozen=True)
class TrainingPart:
    """The interactions of the training part, from which features are derived.

    Users and items are row numbers of their tables. ``own`` and ``other``: the id columns of the feature's
    side and of the other side. ``seconds`` (int64 [n]) and ``newest``: set if the recipe names the timestamp.
    ``label``: the label column.
    """

    rows: pl.DataFrame
    own: str
    other: str
    seconds: pl.Series | None
    newest: int | None
    label: str | None


@dataclass(frozen=True)
class Derived:
    """A number for each row of a users or items table; for a target, also its statistics."""

    column: pl.Series
    target: TargetStatistics | None = None


class Operators(Protocol):
    """NVTabular's operators, each shared by all features that use it (``workflows.graph.FeatureGraph``)."""

    categorify: Any
    hashes: Any

    def intervals(self, feature: Any) -> Any:
        """The operator that encodes intervals and holds their given or fitted boundaries."""
        ...

    def scaling(self, feature: Any) -> Any:
        """The operator that scales numbers."""
        ...


class Categories(Protocol):
    """Counts and encodes categories with Polars (``workflows.engines.polars_categories``)."""

    def codes(self, values: pl.Series, feature: Any, counts: np.ndarray) -> pl.Series:
        """Codes int64 [rows], or lists of them, of a column whose rows occur ``counts`` times."""
        ...


@dataclass
class PolarsSide:
    """A users or items table while the ``polars`` engine fits and encodes it.

    ``counts``: how often each row occurs in the training part, int64 [rows]; ``encoded``: the features
    encoded so far, by name; ``targets``: statistics by feature. Fitted values are stored in ``operators``, as
    if NVTabular had fitted them.
    """

    table: pl.DataFrame
    counts: np.ndarray
    operators: Operators
    categories: Categories
    targets: Mapping[str, TargetStatistics]
    encoded: dict[str, pl.Series] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """The fitted preparation, from which features are compiled.

    ``folder``: receives ``encoding.json`` and the folders ``vocabularies`` and ``statistics``;
    ``value_types``: the value type (``features.value_types``) by column; ``newest``: time of the newest
    interaction, in seconds; ``targets``: statistics by feature.
    """

    operators: Operators
    folder: Path
    value_types: Mapping[str, str]
    newest: int | None
    targets: Mapping[str, TargetStatistics]

    def vocabulary(self, name: str, value_type: str) -> tuple[str, int]:
        """Write the vocabulary of a column, or of all columns that share it.

        Returns:
            Its path relative to ``folder``, and the number of codes.
        """
        categorify = self.operators.categorify
        name = categorify.storage_name.get(name, name)
        values = pd.read_parquet(categorify.categories[name])[name].tolist()
        path = f"vocabularies/{safe_name(name)}.json"
        Vocabulary.write(self.folder / path, [spell(value, value_type) for value in values])
        return path, FIRST_KNOWN + len(values)


class FeatureKind(Table):
    """A feature of users or items, as a recipe defines it."""

    kind: str

    #: Whether the models get a number instead of a code.
    is_number: ClassVar[bool] = False
    #: Whether the number depends on the interactions.
    is_derived: ClassVar[bool] = False
    #: Whether its raw column holds times.
    reads_time: ClassVar[bool] = False
    #: Whether it combines the codes of other features, which are encoded first.
    is_combined: ClassVar[bool] = False
    #: Whether its codes can be part of a combined feature.
    can_be_combined: ClassVar[bool] = False
    #: Whether only the ranker reads it, because it depends on both user and item.
    for_ranker: ClassVar[bool] = False
    #: Whether it needs the outcome of interactions: a label, or which of them are positives.
    needs_outcome: ClassVar[bool] = False
    #: Whether the raw values have an order, for ``inspect``.
    compares_as_number: ClassVar[bool] = False

    @property
    def several(self) -> bool:
        """Whether a row has a list of codes."""
        return False

    @property
    def needs_timestamp(self) -> str:
        """What needs the time of interactions (a key or the kind); an empty string if nothing does."""
        return ""

    def columns(self, name: str) -> tuple[str, ...]:
        """The raw columns that a feature of this name reads."""
        return (name,)

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        """What a raw column must be, and why, if its Arrow type does not fit; otherwise an empty string.

        ``key``: the feature's key in the recipe.
        """
        raise NotImplementedError

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series | None:
        """The feature's column of a users or items table, from its raw columns; None if it reads none."""
        raise NotImplementedError

    def derive(self, name: str, table: pl.DataFrame, training: TrainingPart) -> Derived:
        """For a kind that ``is_derived``: compute the numbers from the training part."""
        raise NotImplementedError

    def encode(self, name: str, side: PolarsSide) -> pl.Series:
        """Fit with Polars and encode every row of the side's table."""
        raise NotImplementedError

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        """The NVTabular graph from the feature's column to its code or number.

        ``nodes``: those of the side's features that are not combined.
        """
        raise NotImplementedError

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        """The fitted feature as an entry of ``encoding.json``, which ``runtime.features.encoding`` reads."""
        raise NotImplementedError

    def expected_value(self, value: Any) -> str:
        """What a value in a request must be, if it does not fit; otherwise an empty string."""
        raise NotImplementedError
