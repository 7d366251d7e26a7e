"""Choose the engine that fits the workflow and encodes with it; nothing else chooses one.

``polars``: one process, all of its cores. ``dask``: NVTabular on pandas, in this process or on a cluster.
``cudf``: NVTabular on GPUs. The output is the same.
"""

from importlib.util import find_spec
from typing import Literal, get_args

from stages.errors import ShortlistError

Engine = Literal["polars", "dask", "cudf"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def gpu_is_present() -> bool:
    """Whether there is a CUDA device, and cuDF."""
    if find_spec("cudf") is None:  # checked first, as Merlin takes seconds to import
        return False
    from merlin.core.compat import HAS_GPU, cudf

    return bool(HAS_GPU) and cudf is not None


def polars_engine() -> Literal["gpu", "auto"]:
    """Return what the engine ``polars`` counts with: ``gpu`` if a CUDA device and cudf-polars are there."""
    return "gpu" if find_spec("cudf_polars") is not None and gpu_is_present() else "auto"


def chosen_engine(asked: Engine | None, workers: int, scheduler: str | None) -> Engine:
    """Return ``asked``, or else the engine that suits the machine and the command.

    Raises ``ShortlistError`` if the requested engine cannot run.
    """
    distributed = workers > 1 or scheduler is not None
    if asked == "polars" and distributed:
        raise ShortlistError(
            "expected one process for the engine polars, got --workers or --scheduler. Remove that "
            "option, or use --engine dask."
        )
    if asked == "cudf" and not gpu_is_present():
        raise ShortlistError(
            "expected a CUDA device and the package cudf for the engine cudf, got at most one of "
            "them. Use --engine polars or dask, or install the extra with `uv sync --extra gpu`."
        )
    if asked is not None:
        return asked
    if gpu_is_present():
        return "cudf"
    return "dask" if distributed else "polars"
