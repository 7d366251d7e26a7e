"""Train the retriever and the ranker on the output of `shortlist prepare`.

Both stop early on a validation metric; TensorBoard logs are next to the models. Models that
are up to date are kept.

Several workers share each batch and average their gradients. For several machines, start the command on
each with TensorFlow's variable TF_CONFIG set, and without --workers.

Examples:
  shortlist train movielens-100k
  shortlist train ratings --warm-start
  shortlist train aliccp --workers 4
"""

import sys
from argparse import ArgumentParser, Namespace

from scripts.arguments import add_force, add_recipe, opened, whole_number


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    add_force(parser)
    parser.add_argument(
        "--warm-start",
        action="store_true",
        help="start from the weights of the existing models instead of random ones",
    )
    parser.add_argument(
        "--workers",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="processes on this machine that train together (default: 1)",
    )


def run(arguments: Namespace) -> int:
    recipe = opened(arguments)
    if arguments.workers > 1:
        from models.distributed.worker_processes import run_workers

        options = {
            "--force": arguments.force,
            "--warm-start": arguments.warm_start,
            "--json-logs": arguments.json_logs,
        }
        given = [option for option, on in options.items() if on]
        given += ["--log-level", arguments.log_level]
        command = [sys.executable, "-m", "scripts.cli", "train", arguments.recipe, *given]
        return run_workers(command, arguments.workers)
    recipe.train(force=arguments.force, warm_start=arguments.warm_start)
    return 0
