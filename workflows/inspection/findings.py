"""What is wrong with the data: what would train to nonsense, and what is worth knowing."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from features.category import Category
from recipes.schema.recipe import Recipe
from workflows.inspection.counted import Counted
from workflows.inspection.facts import Cold, ColumnFacts, Span

#: A single column that tells the positives this well is one that nobody has when it counts.
LEAKING_AUC = 0.99
#: Values from which on an embedding of each is worth a word.
_MANY_VALUES = 1_000_000


def refusals(recipe: Recipe, counted: Counted, columns: Sequence[ColumnFacts]) -> Iterator[str]:
    """Reasons not to train on these data, each with the column, what was seen and what to do."""
    rows = len(counted.frame)
    if counted.unparted is not None:
        yield f"There is no split: {counted.unparted}"
    for column in columns:
        if column.key == "columns.label" and column.distinct == 1:
            value = column.commonest[0] if column.commonest else "null"
            yield (
                f"Column '{column.name}' (columns.label) is {value} in all of the {rows:,} "
                "interactions that count: there is nothing to learn from it. Expected at least two "
                "labels. Leave columns.label out of the recipe, or loosen interactions.filter."
            )
        if column.key in ("columns.user", "columns.item") and column.distinct == rows > 1:
            what = column.key.removeprefix("columns.")
            yield (
                f"Column '{column.name}' ({column.key}) has another id in each of the {rows:,} "
                f"interactions that count, so no {what} is met twice and nothing can be learnt of "
                f"any. Expected {what}s with several interactions. Is it the number of the row? Name "
                f"the column with the {what}s as {column.key}."
            )
    yield from _outcomes(recipe, counted)
    yield from _leaks(columns)


def _outcomes(recipe: Recipe, counted: Counted) -> Iterator[str]:
    condition = recipe.interactions.positive
    if condition is None:
        return
    positives = int(counted.frame["positive"].sum())
    if positives == 0 or (positives == len(counted.frame) and recipe.ranker.target == "positives"):
        which = "none" if positives == 0 else "all"
        yield (
            f"interactions.positive `{condition}` holds for {which} of the {len(counted.frame):,} "
            "interactions that count: there is nothing to tell apart. Expected positives and "
            "negatives. Change the condition, or loosen interactions.filter."
        )


def _leaks(columns: Sequence[ColumnFacts]) -> Iterator[str]:
    """An id determines whatever its features determine, so it is named only where none does."""
    features = [column for column in columns if column.key.startswith("features.")]
    leaking = [column for column in features if _leak(column)]
    sides = {column.table for column in leaking}
    for table, key in (("users", "columns.user"), ("items", "columns.item")):
        if table not in sides:
            leaking += [column for column in columns if column.key == key and _leak(column)]
    for column in leaking:
        remedy = (
            f"Take {column.key} out of the recipe, or give the value that was known before the "
            "interaction."
            if column.key.startswith("features.")
            else "Then there is nothing that a model could add: look at how the label was made."
        )
        yield f"Column '{column.name}' ({column.key}) gives the outcome away: {_leak(column)}. {remedy}"


def _leak(column: ColumnFacts) -> str | None:
    if column.determines is not None:
        return f"its value says the {column.determines} exactly, over ten interactions and more a value"
    if column.auc is not None and column.auc >= LEAKING_AUC:
        return (
            f"alone it tells the positives of the held-out interactions with an AUC of "
            f"{column.auc:.4f} (0.5 is chance, 1 is all)"
        )
    return None


def remarks(
    recipe: Recipe,
    columns: Sequence[ColumnFacts],
    cold: Sequence[Cold],
    span: Span | None,
) -> Iterator[str]:
    """What does not stand in the way of training, and should be known before."""
    for column in columns:
        where = f"Column '{column.name}' ({column.key})"
        if column.nulls == column.rows:
            yield f"{where} holds no value at all: it tells the models nothing. Leave it out."
        elif column.key.startswith("features.") and column.distinct == 1 and not column.nulls:
            yield f"{where} holds one value in all rows: it tells the models nothing. Leave it out."
        elif column.key.startswith("features.") and _is_an_id(column):
            yield (
                f"{where} has another value in each of the {column.rows:,} {column.table}: it is "
                "one more id, and knows nothing of new ones. Leave it out."
            )
        if column.distinct >= _MANY_VALUES and _is_embedded(recipe, column):
            yield _large(recipe, column, where)
        if column.drift is not None and column.drift.verdict in ("moderate", "large"):
            yield (
                f"{where} differs between train and test: a population stability index of "
                f"{column.drift.index:.2f} ({column.drift.verdict})."
            )
    for each in cold:
        if each.rows * 2 > each.of_rows:
            yield (
                f"{each.rows:,} of the {each.of_rows:,} interactions of the test part are of "
                f"{each.name} without an interaction in the training part: most of the test asks "
                "about what the models cannot know. Another split.kind would ask less of it."
            )
    if span is not None and span.last > _FAR:
        yield (
            f"The last timestamp is {span.last:.0f}, which as seconds is after the year 2200. Are "
            "they milliseconds? Expected integer seconds or a datetime."
        )


_FAR = datetime(2200, 1, 1, tzinfo=UTC).timestamp()


def _is_an_id(column: ColumnFacts) -> bool:
    return not column.is_number and column.distinct == column.rows > 100


def _is_embedded(recipe: Recipe, column: ColumnFacts) -> bool:
    """Whether each of its values has a vector; of what is hashed the recipe says how many there are."""
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
        f"numbers for each takes {gigabytes:.1f} GB, and training several times that. Raise "
        f"{remedy}, so that rare ones share a code."
    )
