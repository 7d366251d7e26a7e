"""A Triton that serves the stock graph."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import copyfile

from ensemble.triton.ports import reserved_ports
from ensemble.triton.server import LOOPBACK, Server, running_triton
from stages.artifacts import Artifacts

ROOT = Path(__file__).parents[1]
MODEL = "stock"


@contextmanager
def stock_server(
    recipe: str, artifacts: Artifacts, parts: Path, way: str, scratch: Path
) -> Iterator[Server]:
    """Ready on entry; runs one of ``stock_graph.WAYS`` on the output of ``stock_parts`` in ``parts``.

    Raises:
        ShortlistError: as ``running_triton``.
    """
    repository = scratch / "repository"
    model = repository / MODEL
    (model / "1").mkdir(parents=True)
    copyfile(Path(__file__).with_name("stock_model.py"), model / "1" / "model.py")
    given = {
        "root": ROOT,
        "artifacts": artifacts.root.absolute(),
        "recipe": recipe,
        "parts": parts,
        "way": way,
    }
    parameters = "\n".join(
        f'parameters {{ key: "{name}" value {{ string_value: "{value}" }} }}'
        for name, value in given.items()
    )
    # Instances and no batching, as in Merlin Systems' export.
    config = f"""name: "{MODEL}"
backend: "python"
input [ {{ name: "user_row" data_type: TYPE_INT64 dims: [ -1 ] }} ]
output [
  {{ name: "ordered_ids" data_type: TYPE_INT64 dims: [ -1, -1 ] }},
  {{ name: "ordered_scores" data_type: TYPE_FP32 dims: [ -1, -1 ] }}
]
instance_group [ {{ kind: KIND_AUTO }} ]
{parameters}
"""
    (model / "config.pbtxt").write_text(config, encoding="utf-8")
    with (
        reserved_ports(LOOPBACK) as ports,
        running_triton(
            repository,
            scratch / "stock.log",
            host=LOOPBACK,
            ports=ports,
            environment={"TF_CPP_MIN_LOG_LEVEL": "2"},
        ) as server,
    ):
        yield server
