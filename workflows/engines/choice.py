"""Which engine fits the workflow and encodes with it: chosen here and nowhere else.

``polars``: one process, all of its cores. ``dask``: NVTabular on pandas, in this process or on a
cluster. ``cudf``: NVTabular on GPUs. The output is the same.
"""

from importlib.util import find_spec
from typing import Literal, get_args

from stages.errors import ShortlistError

Engine = Literal["polars", "dask", "cudf"]
ENGINES: tuple[Engine, ...] = get_args(Engine)


def gpu_is_present() -> bool:
    """A CUDA device and cuDF."""
    if find_spec("cudf") is None:  # without a look at Merlin, which takes seconds to import
        return False
    from merlin.core.compat import HAS_GPU, cudf

    return bool(HAS_GPU) and cudf is not None


def polars_engine() -> Literal["gpu", "auto"]:
    """What the engine ``polars`` counts with: a CUDA device, where the package cudf-polars is there too."""
    return "gpu" if find_spec("cudf_polars") is not None and gpu_is_present() else "auto"


def chosen_engine(asked: Engine | None, workers: int, scheduler: str | None) -> Engine:
    """``asked``, or else what the machine and the command call for.

    Raises ``ShortlistError`` where what is asked for cannot be.
    """
    distributed = workers > 1 or scheduler is not None
    if asked == "polars" and distributed:
        raise ShortlistError(
            "the engine polars works in one process, and --workers or --scheduler was given. "
            "Leave that out, or use --engine dask."
        )
    if asked == "cudf" and not gpu_is_present():
        raise ShortlistError(
            "the engine cudf needs a CUDA device and the package cudf, and they are not both here. "
            "Use --engine polars or dask, or install the extra with `uv sync --extra gpu`."
        )
    if asked is not None:
        return asked
    if gpu_is_present():
        return "cudf"
    return "dask" if distributed else "polars"
