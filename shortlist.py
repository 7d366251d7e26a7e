"""The Python interface: from a recipe to recommendations. Most methods have a command of the same name.

Example::

    from shortlist import Recipe

    films = Recipe("movielens-100k").prepare().train()
    films.export()
    print(films.recommend(["196"], top_k=5).item_ids)  # in this process
    with films.serve() as server:  # served by Triton
        print(server.recommend(["196"], top_k=5).item_ids)

The stages log to the logger ``shortlist``. To see its messages, in a notebook too::

    logging.basicConfig(format="%(message)s")
    logging.getLogger("shortlist").setLevel("INFO")
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import shims  # noqa: F401  selects Keras 2 before anything imports TensorFlow
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
    """A recommender: its recipe, and the artifacts of its stages.

    Args:
        source: a name under ``recipes/``, the path of a TOML file, or the same tables as a dict.
        artifacts: the folder that the stages write to. Default: ``artifacts/<name>``; the environment
            variable ``SHORTLIST_ARTIFACTS`` replaces ``artifacts``.

    Raises:
        ShortlistError: the recipe does not exist or is invalid. Every method raises it if it fails for a
            reason that the user can fix; the message says what to do.
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

    @classmethod
    def propose(
        cls,
        files: "Sequence[str | Path]",
        *,
        out: Path | None = None,
        user: str | None = None,
        item: str | None = None,
        force: bool = False,
    ) -> "Recipe":
        """Write a recipe for your own tables, with a reason for every choice, and open it.

        Args:
            files: the interactions and, if there are any, the users and the items, in any order: paths or
                URLs.
            out: the TOML file. Default: in the working directory, named after the interactions' file.
            user: the interactions' column with the users, if it is known; ``item`` likewise.
            force: replace an existing file.
        """
        from sources.proposal.recipe import write

        ids = {"user": user, "item": item}
        return cls(write([str(each) for each in files], out, ids, force))

    def __repr__(self) -> str:
        return f"Recipe({self.settings.given_as!r}, artifacts={str(self.artifacts.root)!r})"

    @property
    def name(self) -> str:
        return self.settings.name

    @property
    def resolved(self) -> "Settings":
        """The recipe, with what it does not say decided from the prepared data (``recipes.resolution``)."""
        from recipes.resolution.resolve import resolved

        return resolved(self.settings, self.artifacts.prepared.facts)

    def as_toml(self, *, resolved: bool = True) -> str:
        """The recipe with every setting, and who decided each; a recipe itself.

        Args:
            resolved: also what rules decide from the prepared data, which must be there.
        """
        from recipes.resolution.text import explained

        return explained(self.settings, self.artifacts.prepared if resolved else None)

    def with_settings(self, settings: Mapping[str, Any], artifacts: Path | None = None) -> "Recipe":
        """This recipe with some keys changed, such as ``{"retriever.max_epochs": 2}``."""
        from recipes.load import with_settings

        return Recipe(with_settings(self.settings, settings), artifacts or self.artifacts.root)

    def read(self, *, data_dir: Path | None = None, force: bool = False) -> "Recipe":
        """Read and check the recipe's data; download a public data set if necessary.

        Args:
            data_dir: a folder with the data set's files; disables the download.
            force: redo work that is up to date; the same in every stage.
        """
        from sources.ingest import ingest

        ingest(self.settings, self.artifacts, data_dir, force=force)
        return self

    def inspect(self, *, data_dir: Path | None = None) -> "Inspection":
        """Profile the raw data; ``refusals`` holds reasons not to train on them."""
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
            engine: all engines write the same output. Default: cudf with a GPU, dask with workers or a
                scheduler, otherwise polars.
            workers: processes of a local Dask cluster; 1: no cluster.
            scheduler: address of a running Dask scheduler, such as ``tcp://10.0.0.5:8786``.
            encoded_rows: write the encoded interactions of all parts, for other trainers; by default only
                those that the recipe's training reads.
            progress: called with the number of rows done and the total.
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
        """Train the retriever and the ranker on the output of ``prepare``.

        Args:
            warm_start: start from the weights of the existing models instead of random ones.
        """
        from models.train import train

        train(self.resolved, self.artifacts, force=force, warm_start=warm_start)
        return self

    def tune(
        self,
        trials: int | None = None,
        *,
        minutes: float | None = None,
        write: Path | None = None,
    ) -> dict[str, Any]:
        """Search the recipe's ``[tune]`` space; returns the best settings, for ``with_settings``.

        Args:
            trials: total number of trials, including earlier searches; by default the recipe's.
            minutes: no trial but the first begins that is expected to end later.
            write: where to write the best recipe, with what each key brought. Default: ``tuned.toml`` in the
                artifacts.
        """
        from models.tuning.search import tune

        return tune(self.resolved, self.artifacts, trials, minutes=minutes, out=write)

    def evaluate(
        self, *, baselines: Literal["none", "fast", "all"] = "fast", force: bool = False
    ) -> dict[str, Any]:
        """Measure every stage and simple methods on the test part; returns the content of ``report.json``.

        Its ``verdict`` says in a sentence whether the funnel beats the best simple method.

        Args:
            baselines: ``none``: popularity alone. ``fast``: ItemKNN, EASE, EDLAE and iALS, each unless it
                takes more than about a minute. ``all``: each that fits in memory, and BPR.
        """
        from ensemble.in_process import served_in_process
        from evaluation.evaluate import evaluate
        from evaluation.report import read_report

        evaluate(self.resolved, self.artifacts, served_in_process, baselines=baselines, force=force)
        return read_report(self.artifacts.report)

    def export(self, *, force: bool = False) -> Path:
        """Assemble the trained parts into a release; returns the folder that Triton serves."""
        from ensemble.releases.export import export

        return export(self.resolved, self.artifacts, force=force)

    def recommend(self, users: Any, **options: Any) -> "Recommendations":
        """Recommend in this process, from the release that a server would serve.

        Args:
            users: B raw ids, with ``options`` for their requests; or a ``runtime.request.Request``, or B
                of them. The options are those of ``Client.recommend``.
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
        """Run a Triton server for the block. Ports default to 8000 to 8002, or to free ones if taken."""
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
        """The address of this recipe's server on this machine; None if none runs."""
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
        """Serve another release, by default the newest; a running server switches to it.

        Args:
            margin: by what share its metric may be worse than the served release's, 0.02 for 2%; by
                default the recipe's.
            metric: the metric to compare; by default the recipe's main one.
            force: publish it even if its metrics are worse or missing.
        """
        from ensemble.releases.gate import Gate
        from ensemble.releases.publish import publish

        publish(self.settings, self.artifacts, release, Gate(margin, metric, force))

    def rollback(self, release: int | None = None) -> None:
        """Serve an earlier release again, by default the one served before."""
        from ensemble.releases.publish import rollback

        rollback(self.settings, self.artifacts, release)

    def releases(self, *, check: bool = False) -> "list[Listed]":
        """All releases, oldest first; ``check`` compares their files with their manifests."""
        from ensemble.releases.listing import list_releases

        return list_releases(self.settings, self.artifacts, check=check)

    def feature_store(self, *, read_only: bool = False) -> "AbstractContextManager[FeatureStore]":
        """Open the store of user features and interactions, to read it or to record events."""
        from ensemble.feature_store.choice import opened_store

        return opened_store(self.settings, self.artifacts, read_only=read_only)

    def titles(self) -> dict[str, str]:
        """Item titles by raw id, if the recipe names a title column."""
        from sources.titles import titles

        return titles(self.settings, self.artifacts)

    def _plan(self) -> "tuple[Plan, str]":
        """The plan of the release to serve, cached, and the release's name."""
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
    """A running Triton, queried over gRPC unless ``client`` opens another connection."""

    def __init__(self, running: "RunningServer") -> None:
        self._running = running
        self._client = self.client()

    @property
    def address(self) -> "Address":
        """``grpc``, ``http`` and ``metrics`` as ``host:port``."""
        return self._running.address

    @property
    def log(self) -> Path:
        """Triton's own log file."""
        return self._running.log

    def client(self, protocol: "Protocol" = "grpc", timeout: float = 30.0) -> "Client":
        """A separate connection, which the caller closes."""
        from ensemble.triton.client import Client

        return Client(getattr(self.address, protocol), protocol, timeout)

    def recommend(self, users: Any, **options: Any) -> "Recommendations":
        """Like ``Recipe.recommend``, but answered by the server."""
        return self._client.recommend(users, **options)

    def wait(self) -> None:
        """Block until the server exits on its own, which raises ``ShortlistError``."""
        self._running.wait()

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
