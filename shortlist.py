"""From a recipe to recommendations, in Python. Each method is a command of the same name.

Example::

    from shortlist import Recipe

    films = Recipe("movielens-100k").prepare().train()
    films.export()
    print(films.recommend(["196"], top_k=5).item_ids)  # in this process
    with films.serve() as server:  # by Triton
        print(server.recommend(["196"], top_k=5).item_ids)

The stages log to the logger ``shortlist``. To see that, also in a notebook::

    logging.basicConfig(format="%(message)s")
    logging.getLogger("shortlist").setLevel("INFO")
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import shims  # noqa: F401  Keras 2, whatever imports TensorFlow afterwards
from stages.artifacts import Artifacts
from stages.errors import ShortlistError

if TYPE_CHECKING:
    from ensemble.recommendations import Recommendations
    from ensemble.releases.listing import Listed
    from ensemble.triton.client import Client, Protocol
    from ensemble.triton.server import Address
    from ensemble.triton.server import Server as RunningServer
    from recipes.schema.recipe import Recipe as Settings
    from runtime.plan import Plan
    from runtime.stores.feature_store import FeatureStore
    from workflows.inspection.facts import Inspection

__all__ = ["Recipe", "Server", "ShortlistError"]

LOOPBACK = "127.0.0.1"


class Recipe:
    """One recommender: what its recipe says, and the artifacts of its stages.

    Args:
        source: a name under ``recipes/``, the path of a TOML file, or the tables of one as a dict.
        artifacts: the folder of what the stages write; by default ``artifacts/<name>``, below what the
            environment variable ``SHORTLIST_ARTIFACTS`` names.

    Raises:
        ShortlistError: there is no such recipe, or it says something that a recipe cannot say. All methods
            raise it where they cannot do what they are for; the message says what to do.
    """

    def __init__(
        self, source: "str | Path | Mapping[str, Any] | Settings", artifacts: Path | None = None
    ) -> None:
        from recipes.load import load, of_tables
        from recipes.schema.recipe import Recipe as Settings

        if isinstance(source, Settings):
            self.settings = source
        elif isinstance(source, Mapping):
            self.settings = of_tables(source)
        else:
            self.settings = load(str(source))
        self.artifacts = Artifacts(artifacts) if artifacts else Artifacts.of(self.settings.name)
        self._loaded: tuple[Path, Plan, FeatureStore] | None = None

    def __repr__(self) -> str:
        return f"Recipe({self.settings.given_as!r}, artifacts={str(self.artifacts.root)!r})"

    @property
    def name(self) -> str:
        return self.settings.name

    def with_settings(self, settings: Mapping[str, Any], artifacts: Path | None = None) -> "Recipe":
        """The recipe with other values of some keys, such as ``{"retriever.max_epochs": 2}``."""
        from recipes.load import with_settings

        return Recipe(with_settings(self.settings, settings), artifacts or self.artifacts.root)

    def read(self, *, data_dir: Path | None = None, force: bool = False) -> "Recipe":
        """Read the recipe's data, download a public data set where it must, and check them.

        Args:
            data_dir: a folder with the data set's files; nothing is downloaded then.
            force: do the work again where it is up to date, here and in all stages.
        """
        from sources.ingest import ingest

        ingest(self.settings, self.artifacts, data_dir, force=force)
        return self

    def inspect(self, *, data_dir: Path | None = None) -> "Inspection":
        """What the raw data are like; ``refusals`` are reasons not to train on them."""
        from workflows.inspection.inspect import inspect

        self.read(data_dir=data_dir)
        return inspect(self.settings, self.artifacts)

    def prepare(
        self,
        *,
        data_dir: Path | None = None,
        force: bool = False,
        engine: Literal["polars", "dask", "cudf"] | None = None,
        workers: int = 1,
        scheduler: str | None = None,
        encoded_rows: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> "Recipe":
        """Read the data, encode them with an NVTabular workflow, and split them.

        Args:
            engine: what does the work; the output is the same. By default cudf where there is a GPU, dask
                with workers or a scheduler, else polars.
            workers: processes of a Dask cluster on this machine; 1: no cluster.
            scheduler: a running Dask scheduler, such as ``tcp://10.0.0.5:8786``.
            encoded_rows: write the encoded interactions of all parts, for other trainers; by default only
                what the recipe's training reads.
            progress: called with the rows that are done, and all.
        """
        self.read(data_dir=data_dir, force=force)
        from workflows.prepare import prepare

        prepare(
            self.settings,
            self.artifacts,
            force=force,
            engine=engine,
            workers=workers,
            scheduler=scheduler,
            encoded_rows=encoded_rows,
            progress=progress,
        )
        return self

    def train(self, *, force: bool = False, warm_start: bool = False) -> "Recipe":
        """Train retriever and ranker on what ``prepare`` made.

        Args:
            warm_start: begin with the weights of the models that are there, instead of drawn ones.
        """
        from models.train import train

        train(self.settings, self.artifacts, force=force, warm_start=warm_start)
        return self

    def tune(self, trials: int | None = None) -> dict[str, Any]:
        """Search the recipe's ``[tune]`` space; the best settings, as ``with_settings`` takes them."""
        from models.tune import tune

        return tune(self.settings, self.artifacts, trials)

    def evaluate(self, *, force: bool = False) -> dict[str, Any]:
        """Measure every stage on the test part, beside popularity; the content of ``report.json``."""
        from ensemble.in_process import served_in_process
        from evaluation.evaluate import evaluate
        from evaluation.report import read_report

        evaluate(self.settings, self.artifacts, served_in_process, force=force)
        return read_report(self.artifacts.report)

    def export(self, *, force: bool = False) -> Path:
        """Put the trained parts together into a release; the folder that Triton serves."""
        from ensemble.releases.export import export

        return export(self.settings, self.artifacts, force=force)

    def recommend(self, users: Any, **options: Any) -> "Recommendations":
        """Recommendations in this process, out of the release that a server would serve.

        Args:
            users: B raw ids, with ``options`` for what is asked for them; or a ``runtime.request.Request``,
                or B of them. The options are those of ``Client.recommend``.
        """
        from ensemble.feature_store.choice import explained
        from ensemble.recommendations import Recommendations
        from runtime.errors import RequestError

        with explained(self.settings):
            plan, release = self._plan()
            try:
                return Recommendations.of(plan.recommend(users, **options), release)
            except RequestError as error:
                raise ShortlistError(str(error)) from error

    @contextmanager
    def serve(
        self,
        *,
        host: str = LOOPBACK,
        http_port: int | None = None,
        grpc_port: int | None = None,
        metrics_port: int | None = None,
    ) -> Iterator["Server"]:
        """A Triton server while the block runs. Ports that are not given are 8000 to 8002, or free ones."""
        from ensemble.feature_store.choice import store_of
        from ensemble.triton.server import running_server

        with (
            running_server(
                self.artifacts,
                self.settings.given_as,
                host=host,
                http_port=http_port,
                grpc_port=grpc_port,
                metrics_port=metrics_port,
                store=store_of(self.settings, self.artifacts),
            ) as running,
            Server(running) as server,
        ):
            yield server

    def server(self) -> "Address | None":
        """Where a server of this recipe runs on this machine; None: nowhere."""
        from ensemble.triton.server import read_address

        return read_address(self.artifacts)

    def publish(
        self,
        release: int | None = None,
        *,
        margin: float | None = None,
        metric: str | None = None,
        force: bool = False,
    ) -> None:
        """Serve another release, the newest by default; a server that runs moves to it.

        Args:
            margin: by what share its figure may be worse than the served one's, 0.02 for 2%; by default
                the recipe's.
            metric: which figure; by default the recipe's main one.
            force: publish it though its figures are worse, or missing.
        """
        from ensemble.releases.gate import Gate
        from ensemble.releases.publish import publish

        publish(self.settings, self.artifacts, release, Gate(margin, metric, force))

    def rollback(self, release: int | None = None) -> None:
        """Serve a release again, by default the one before the served one."""
        from ensemble.releases.publish import rollback

        rollback(self.settings, self.artifacts, release)

    def releases(self, *, check: bool = False) -> "list[Listed]":
        """Every release, oldest first; ``check``: compare its files with its manifest."""
        from ensemble.releases.listing import list_releases

        return list_releases(self.settings, self.artifacts, check=check)

    def feature_store(self, *, read_only: bool = False) -> "AbstractContextManager[FeatureStore]":
        """The store of users' features and interactions, to read, or to record what happens."""
        from ensemble.feature_store.choice import opened_store

        return opened_store(self.settings, self.artifacts, read_only=read_only)

    def titles(self) -> dict[str, str]:
        """Titles of items by raw id, where the recipe names a column of them."""
        from sources.titles import titles

        return titles(self.settings, self.artifacts)

    def _plan(self) -> "tuple[Plan, str]":
        """The plan of the release to serve, loaded once, and the release's name."""
        from ensemble.feature_store.choice import store_of
        from ensemble.releases.served import chosen_release
        from runtime.errors import ReleaseError
        from runtime.plan import load

        release = chosen_release(self.artifacts, self.settings.given_as)
        if self._loaded is None or self._loaded[0] != release:
            store = store_of(self.settings, self.artifacts).open(read_only=True)
            try:
                plan = load(release, store)
            except ReleaseError as error:
                store.close()
                raise ShortlistError(
                    f"{error}. Run: shortlist export {self.settings.given_as}"
                ) from error
            if self._loaded is not None:
                self._loaded[2].close()
            self._loaded = release, plan, store
        return self._loaded[1], release.name


class Server:
    """A running Triton, asked over gRPC unless another client is wanted."""

    def __init__(self, running: "RunningServer") -> None:
        self._running = running
        self._client = self.client()

    @property
    def address(self) -> "Address":
        """``grpc``, ``http`` and ``metrics`` as ``host:port``."""
        return self._running.address

    @property
    def log(self) -> Path:
        """The file that Triton's own log goes to."""
        return self._running.log

    def client(self, protocol: "Protocol" = "grpc", timeout: float = 30.0) -> "Client":
        """A connection of its own, which the caller closes."""
        from ensemble.triton.client import Client

        return Client(getattr(self.address, protocol), protocol, timeout)

    def recommend(self, users: Any, **options: Any) -> "Recommendations":
        """As ``Recipe.recommend``, answered by the server."""
        return self._client.recommend(users, **options)

    def wait(self) -> None:
        """Block until the server ends by itself, which raises ``ShortlistError``."""
        self._running.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
