"""Read, check and encode a recipe's data, and split it into train, valid and test.

Work that is up to date is kept. The data set movielens-100k is downloaded unless a local folder has it.

Examples:
  shortlist prepare movielens-100k
  shortlist prepare movielens-100k --data-dir ~/data
  shortlist prepare ./shop.toml --workers 4
  shortlist prepare ./shop.toml --engine dask
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_data_dir, add_force, add_recipe, opened, whole_number
from workflows.engines.choice import ENGINES


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_data_dir(parser)
    add_force(parser)
    parser.add_argument(
        "--engine",
        choices=ENGINES,
        help="all engines write the same output (default: cudf with a GPU, dask with --workers or "
        "--scheduler, otherwise polars)",
    )
    parser.add_argument(
        "--encoded-rows",
        action="store_true",
        help="write the encoded interactions of all parts, for other trainers (default: only those "
        "that the recipe's training reads)",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--workers",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="processes of a local Dask cluster (default: 1, no cluster)",
    )
    where.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="address of a running Dask scheduler, such as tcp://10.0.0.5:8786",
    )


def run(arguments: Namespace) -> None:
    if arguments.own_process:
        import shims.without_tensorflow  # noqa: F401  saves seconds of import time
    opened(arguments).prepare(
        data_dir=arguments.data_dir,
        force=arguments.force,
        engine=arguments.engine,
        workers=arguments.workers,
        scheduler=arguments.scheduler,
        encoded_rows=arguments.encoded_rows,
    )
