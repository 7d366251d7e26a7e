"""The whole funnel in this process, as a server would run it."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from threadpoolctl import threadpool_limits

from ensemble.feature_store.choice import explained
from ensemble.feature_store.user_records import fill_feature_store
from ensemble.releases.build import assemble
from recipes.schema.recipe import Recipe
from runtime import plan
from runtime.stores.sqlite_store import SqliteFeatureStore
from stages.artifacts import Artifacts
from stages.progress import phase


@contextmanager
def served_in_process(recipe: Recipe, artifacts: Artifacts) -> Iterator[plan.Plan]:
    """Assemble the whole funnel in a temporary folder and load it as a server would.

    Like the server, it uses one thread per matrix product, because the matrices are small.

    Raises:
        ShortlistError: a part is missing or does not match the others.
    """
    with tempfile.TemporaryDirectory(prefix="shortlist-") as folder:
        store = SqliteFeatureStore(Path(folder) / "feature_store.sqlite")
        release = Path(folder) / "release"
        with phase("assembling the funnel"):
            with explained(recipe):
                records = fill_feature_store(recipe, artifacts, store).version
            assemble(recipe, artifacts, release, store, records)
        with threadpool_limits(1, "blas"):
            yield plan.load(release, store)
        store.close()
