"""What a feature kind is: its keys in a recipe, and how the feature is fitted, applied and served.

A kind is one class in one file of ``features/kinds/``, which is found there. It extends one of the three
families beside this file: ``category`` (codes by a vocabulary or a hash), ``codes`` (codes by a rule over
numbers) and ``number``. A family knows the engines and the server, a kind mostly where its values come from.
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
from stages.configuration import Table
from stages.lazy import pa, pd, pl

Side = Literal["user", "item"]


@dataclass(frozen=True)
class TrainingPart:
    """The interactions of the training part, for features that are derived from them.

    Users and items are rows of their tables. ``own`` and ``other``: the id columns of the feature's side and
    of the other. ``seconds``: int64 [n] and ``newest``, where the recipe names the time; ``label``: that
    column.
    """

    rows: pl.DataFrame
    own: str
    other: str
    seconds: pl.Series | None
    newest: int | None
    label: str | None


@dataclass(frozen=True)
class Derived:
    """A number for each row of a users or items table; for a target also its statistics."""

    column: pl.Series
    target: TargetStatistics | None = None


class Operators(Protocol):
    """NVTabular's operators, each shared by all features that need it (``workflows.graph.FeatureGraph``)."""

    categorify: Any
    hashes: Any

    def intervals(self, feature: Any) -> Any:
        """The operator that finds intervals, whose boundaries it has or fits."""
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
    """A users or items table while the engine ``polars`` fits and encodes it.

    ``counts``: how often each row occurs in the training part, int64 [rows]; ``encoded``: the features done
    so far by name; ``targets``: statistics by name. What is fitted goes into ``operators``, as had NVTabular
    fitted it.
    """

    table: pl.DataFrame
    counts: np.ndarray
    operators: Operators
    categories: Categories
    targets: Mapping[str, TargetStatistics]
    encoded: dict[str, pl.Series] = field(default_factory=dict)


@dataclass(frozen=True)
class Fitted:
    """The fitted preparation, out of which features are compiled.

    ``folder``: where ``encoding.json`` goes, with the folders ``vocabularies`` and ``statistics``;
    ``value_types``: what values are (``features.value_types``), by column; ``newest``: time of the newest
    interaction, in seconds; ``targets``: statistics by feature.
    """

    operators: Operators
    folder: Path
    value_types: Mapping[str, str]
    newest: int | None
    targets: Mapping[str, TargetStatistics]

    def vocabulary(self, name: str, value_type: str) -> tuple[str, int]:
        """Write the vocabulary of a column, or of all that share it.

        Returns:
            Its path below ``folder``, and how many codes there are.
        """
        categorify = self.operators.categorify
        name = categorify.storage_name.get(name, name)
        values = pd.read_parquet(categorify.categories[name])[name].tolist()
        path = f"vocabularies/{name}.json"
        Vocabulary.write(self.folder / path, [spell(value, value_type) for value in values])
        return path, FIRST_KNOWN + len(values)


class FeatureKind(Table):
    """A feature of users or items, as a recipe writes it."""

    kind: str

    #: Whether the models get a number, and no code.
    is_number: ClassVar[bool] = False
    #: Whether the number depends on the interactions.
    is_derived: ClassVar[bool] = False
    #: Whether it is made of other features' codes, which come first.
    is_combined: ClassVar[bool] = False
    #: Whether its codes can be parts of a combined feature.
    can_be_combined: ClassVar[bool] = False
    #: Whether only the ranker sees it, for it depends on user and item.
    for_ranker: ClassVar[bool] = False
    #: Whether it needs to know how interactions came out: a label, or which are positives.
    needs_outcome: ClassVar[bool] = False
    #: Whether the raw values have an order, for ``inspect``.
    compares_as_number: ClassVar[bool] = False

    @property
    def several(self) -> bool:
        """Whether a row has any number of codes."""
        return False

    @property
    def needs_timestamp(self) -> str:
        """Which of its keys needs the time of interactions; an empty string: none does."""
        return ""

    def columns(self, name: str) -> tuple[str, ...]:
        """The raw columns that a feature of this name is made of."""
        return (name,)

    def expected_type(self, dtype: pa.DataType, key: str) -> str:
        """What a raw column should be, and why, where its Arrow type does not fit; else an empty string.

        ``key``: the feature's key in the recipe.
        """
        raise NotImplementedError

    def typed(self, name: str, raw: pl.DataFrame) -> pl.Series | None:
        """The feature's column of a users or items table, out of its raw columns; None: there is none yet."""
        raise NotImplementedError

    def derive(self, name: str, table: pl.DataFrame, training: TrainingPart) -> Derived:
        """For a kind that ``is_derived``: the numbers out of the training part."""
        raise NotImplementedError

    def encode(self, name: str, side: PolarsSide) -> pl.Series:
        """Fit with Polars, and encode every row of the side's table."""
        raise NotImplementedError

    def node(self, name: str, operators: Operators, nodes: Mapping[str, Any]) -> Any:
        """The NVTabular graph from the feature's column to its code or number.

        ``nodes``: those of the side's features that are no combination.
        """
        raise NotImplementedError

    def compiled(self, name: str, fitted: Fitted) -> dict[str, Any]:
        """The fitted feature as an entry of ``encoding.json``, which ``runtime.features.encoding`` reads."""
        raise NotImplementedError

    def expected_value(self, value: Any) -> str:
        """What a value in a request should be, where it does not fit; else an empty string."""
        raise NotImplementedError
