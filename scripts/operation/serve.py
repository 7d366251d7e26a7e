"""Start Triton on a recipe's release; Ctrl-C stops it.

It serves the last published release, or the newest if none was published (`shortlist publish`).
Ports default to Triton's usual ones, or to free ones if those are taken. The server's log goes to a
file in the recipe's artifacts.

Examples:
  shortlist serve movielens-100k
  shortlist serve movielens-100k --http-port 9000 --grpc-port 9001
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, opened, whole_number


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    for name in ("http", "grpc", "metrics"):
        parser.add_argument(
            f"--{name}-port", type=whole_number(1, 65535), metavar="PORT", help=f"port for {name}"
        )


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)

    from ensemble.feature_store.choice import store_of
    from ensemble.triton.server import serve

    serve(
        recipe.artifacts,
        arguments.recipe,
        host=arguments.host,
        http_port=arguments.http_port,
        grpc_port=arguments.grpc_port,
        metrics_port=arguments.metrics_port,
        store=store_of(recipe.settings, recipe.artifacts),
    )
