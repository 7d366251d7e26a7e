"""A user with very many interactions, beside the ordinary ones of a release."""

from itertools import chain, cycle, islice
from pathlib import Path

from ensemble.feature_store.choice import ChosenStore
from ensemble.feature_store.user_records import bounded_record, training_records
from ensemble.releases.records import records_of
from recipes.schema.recipe import Recipe
from runtime.candidates.catalogue import Catalogue
from runtime.features.encoding import Encoding
from runtime.stores.feature_store import Event
from stages.artifacts import Artifacts

HEAVY = "the heavy user"
#: Interactions in the data, with this many different items.
INTERACTIONS, ITEMS = 100_000, 200


def store_with_heavy_user(
    recipe: Recipe, artifacts: Artifacts, release: Path, path: Path
) -> ChosenStore:
    """A store at ``path`` with the users of the release and the heavy one."""
    catalogue = Catalogue.load(release)
    encoding = Encoding.load(release / "encoding")
    raw_ids = [str(each) for each in encoding.item.codes][:ITEMS]
    rows = dict(zip(raw_ids, catalogue.rows(raw_ids), strict=True))
    items = list(islice(cycle(raw_ids), INTERACTIONS))
    heavy = bounded_record({}, items, rows, encoding.history_length)
    serving = recipe.serving
    chosen = ChosenStore(
        str(path), recipe.name, serving.store_deadline_ms, serving.interactions_kept
    )
    store = chosen.open()
    store.load(records_of(release), chain(training_records(recipe, artifacts), [(HEAVY, heavy)]))
    newest = items[: serving.interactions_kept]
    store.record(Event.of(HEAVY, item, time=float(n)) for n, item in enumerate(newest))
    store.close()
    return chosen
