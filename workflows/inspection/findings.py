"""Problems in the data: reasons not to train on them, and remarks."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from features.category import Category
from recipes.schema.recipe import Recipe
from workflows.inspection.counted import Counted
from workflows.inspection.facts import Cold, ColumnFacts, Span

#: A single column that predicts positives this well is not available at serving time.
LEAKING_AUC = 0.99
#: Number of values from which their embeddings deserve a remark.
_MANY_VALUES = 1_000_000


def refusals(recipe: Recipe, counted: Counted, columns: Sequence[ColumnFacts]) -> Iterator[str]:
    """Yield reasons not to train on these data, each with the column, the finding and the remedy."""
    rows = len(counted.frame)
    if counted.unparted is not None:
        yield counted.unparted
    for column in columns:
        if column.key == "columns.label" and column.distinct == 1:
            value = column.commonest[0] if column.commonest else "null"
            yield (
                f"expected at least two labels in column '{column.name}' (columns.label), got "
                f"{value} in all of the {rows:,} interactions that count. Remove columns.label from "
                "the recipe, or loosen interactions.filter."
            )
        if column.key in ("columns.user", "columns.item") and column.distinct == rows > 1:
            what = column.key.removeprefix("columns.")
            yield (
                f"expected {what}s with several interactions in column '{column.name}' "
                f"({column.key}), got a different id in each of the {rows:,} interactions that "
                f"count: a model cannot learn about any {what}. Is it the row number? Name the "
                f"column with the {what}s as {column.key}."
            )
    yield from _outcomes(recipe, counted)
    yield from _leaks(columns)


def _outcomes(recipe: Recipe, counted: Counted) -> Iterator[str]:
    condition = recipe.positive
    if condition is None:
        return
    positives = int(counted.frame["positive"].sum())
    if positives == 0 or (positives == len(counted.frame) and recipe.ranker.target == "positives"):
        found, which = ("negatives", "none") if positives == 0 else ("positives", "all")
        yield (
            f"expected positives and negatives, got only {found}: {recipe.positive_key} "
            f"`{condition}` holds for {which} of the {len(counted.frame):,} interactions that "
            "count. Change the condition, or loosen interactions.filter."
        )


def _leaks(columns: Sequence[ColumnFacts]) -> Iterator[str]:
    """Yield leaks; an id determines all that its features do, so it is named only if none of them leaks."""
    features = [column for column in columns if column.key.startswith("features.")]
    leaking = [column for column in features if _leak(column)]
    sides = {column.table for column in leaking}
    for table, key in (("users", "columns.user"), ("items", "columns.item")):
        if table not in sides:
            leaking += [column for column in columns if column.key == key and _leak(column)]
    for column in leaking:
        remedy = (
            f"Remove {column.key} from the recipe, or provide the value known before the "
            "interaction."
            if column.key.startswith("features.")
            else "A model has nothing to add to that: check how the label was made."
        )
        yield (
            f"expected no column to reveal the outcome, got '{column.name}' ({column.key}): "
            f"{_leak(column)}. {remedy}"
        )


def _leak(column: ColumnFacts) -> str | None:
    if column.determines is not None:
        return (
            f"its value determines the {column.determines} exactly, over ten or more interactions "
            "per value"
        )
    if column.auc is not None and column.auc >= LEAKING_AUC:
        return (
            f"alone it predicts the positives of the held-out interactions with an AUC of "
            f"{column.auc:.4f} (0.5 is chance, 1 is perfect)"
        )
    return None


def remarks(
    recipe: Recipe,
    columns: Sequence[ColumnFacts],
    cold: Sequence[Cold],
    span: Span | None,
) -> Iterator[str]:
    """Yield findings that do not prevent training but are worth knowing before it."""
    for column in columns:
        where = f"Column '{column.name}' ({column.key})"
        if column.nulls == column.rows:
            yield f"{where} has no values: models learn nothing from it. Leave it out."
        elif column.key.startswith("features.") and column.distinct == 1 and not column.nulls:
            yield f"{where} has one value in all rows: models learn nothing from it. Leave it out."
        elif column.key.startswith("features.") and _is_an_id(column):
            yield (
                f"{where} has a different value in each of the {column.rows:,} {column.table}: it "
                "is one more id, and says nothing about new ones. Leave it out."
            )
        if column.distinct >= _MANY_VALUES and _is_embedded(recipe, column):
            yield _large(recipe, column, where)
        if column.drift is not None and column.drift.verdict in ("moderate", "large"):
            yield (
                f"{where} differs between train and test: population stability index "
                f"{column.drift.index:.2f} ({column.drift.verdict})."
            )
    for each in cold:
        if each.rows * 2 > each.of_rows:
            yield (
                f"{each.rows:,} of the {each.of_rows:,} interactions of the test part are of "
                f"{each.name} without interactions in the training part: most of the test is cold "
                "start. Another split.kind would have less of it."
            )
    if span is not None and span.last > _FAR:
        yield (
            f"The last timestamp is {span.last:.0f}, which in seconds is after the year 2200. Are "
            "they milliseconds? Use integer seconds or datetimes."
        )


_FAR = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


def _is_an_id(column: ColumnFacts) -> bool:
    return not column.is_number and column.distinct == column.rows > 100


def _is_embedded(recipe: Recipe, column: ColumnFacts) -> bool:
    """Whether each value has its own embedding; for a hashed column the recipe sets their number."""
    if column.key in ("columns.user", "columns.item"):
        return True
    feature = recipe.features.both.get(column.name)
    return isinstance(feature, Category) and feature.hash_bins is None


def _large(recipe: Recipe, column: ColumnFacts, where: str) -> str:
    gigabytes = column.distinct * recipe.retriever.embedding_dim * 4 / 1e9
    remedy = {
        "columns.user": "vocabulary.user_frequency_threshold",
        "columns.item": "vocabulary.item_frequency_threshold",
    }.get(column.key, f"frequency_threshold of {column.key}")
    return (
        f"{where} has {column.distinct:,} values: an embedding of {recipe.retriever.embedding_dim} "
        f"numbers for each takes {gigabytes:.1f} GB, and training takes several times that. Raise "
        f"{remedy} to let rare values share a code."
    )
