"""Where the workflow runs: this process, a local cluster of processes, or a running scheduler."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import dask
import pandas as pd
from distributed import Client, LocalCluster, WorkerPlugin
from merlin.core.utils import set_dask_client
from merlin.io.worker import clean_worker_cache

from stages.errors import ShortlistError

#: The module that every worker started here imports first.
PRELOAD = "shims.without_tensorflow"
#: Otherwise Dask converts object columns to Arrow strings, and lists to their printed form.
SETTINGS = {"dataframe.convert-string": False}
#: Settings of workers started here. By default Dask makes malloc return memory to the kernel at once;
#: NVTabular copies whole columns at each step, so new pages took as long as the work itself. Sampling the
#: stack a hundred times a second took a fifth of that.
UNHINDERED = {
    "distributed.nanny.pre-spawn-environ.MALLOC_TRIM_THRESHOLD_": None,
    "distributed.worker.profile.enabled": False,
}
#: A pandas option: NVTabular copies all columns at each step but changes few of them.
COPY_ON_WRITE = "mode.copy_on_write"


class MakeReady(WorkerPlugin):
    """Sets up all workers, present and future, whoever started them.

    Unpickling it on a worker imports this module, and so ``shims``.
    """

    name = "shortlist"

    def setup(self, worker: Any) -> None:
        dask.config.set(SETTINGS)
        pd.set_option(COPY_ON_WRITE, True)


@contextmanager
def computing(workers: int, scheduler: str | None, gpu: bool = False) -> Iterator[Client | None]:
    """Run Merlin and ``dask.compute`` there while the block runs; yield the client, if any.

    ``scheduler``: address of a running scheduler, whose workers can import this project. Otherwise
    ``workers`` above 1 starts that many processes here, one per GPU if ``gpu``.
    Raises ``ShortlistError`` if the scheduler cannot be reached.
    """
    clean_worker_cache()  # it keeps vocabularies of an earlier fit by path
    with _quietly(), dask.config.set(SETTINGS), pd.option_context(COPY_ON_WRITE, True):
        if scheduler is None and workers <= 1:
            with dask.config.set(scheduler="synchronous"), _merlin_uses(None):
                yield None
            return
        with _cluster(workers, scheduler, gpu) as cluster, _client(cluster) as client:
            client.register_plugin(MakeReady())
            with _merlin_uses(client):
                yield client


@contextmanager
def _merlin_uses(client: Client | None) -> Iterator[None]:
    set_dask_client(client)
    try:
        yield
    finally:
        set_dask_client("auto")


@contextmanager
def _quietly() -> Iterator[None]:
    """Silence a warning per data set that there is no GPU, and Merlin's second log of each error."""
    log = logging.getLogger("merlin")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*an NVTabular Dataset (in|to) CPU mode")
            yield
    finally:
        log.setLevel(level)


@contextmanager
def _cluster(workers: int, scheduler: str | None, gpu: bool) -> Iterator[Any]:
    if scheduler is not None:
        yield scheduler
        return
    if gpu:
        from dask_cuda import LocalCUDACluster

        with LocalCUDACluster(n_workers=workers, preload=[PRELOAD]) as cluster:
            yield cluster
        return
    with (
        dask.config.set(UNHINDERED),
        LocalCluster(
            n_workers=workers,
            processes=True,
            threads_per_worker=1,
            dashboard_address=None,
            preload=[PRELOAD],
        ) as cluster,
    ):
        yield cluster


def _client(cluster: Any) -> Client:
    try:
        return Client(cluster, timeout=5)
    except (OSError, ValueError, TimeoutError) as error:
        raise ShortlistError(
            f"expected a Dask scheduler at {cluster}, got {error}. Start one with `dask scheduler` "
            "and workers with `dask worker`, or pass --workers N instead of --scheduler."
        ) from error
