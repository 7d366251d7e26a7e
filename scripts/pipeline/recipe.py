"""Print a recipe with every setting, and who decided each: the recipe, a rule, or the default.

Rules decide what the recipe does not say, from facts of the prepared data (docs/decisions/0012-defaults.md).
`shortlist prepare` writes the same to `prepared/resolved.toml` in the artifacts, which is a recipe itself.

Examples:
  shortlist recipe ./shop.toml --resolved
  shortlist recipe ./shop.toml --resolved > settled.toml
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, opened


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    parser.add_argument(
        "--resolved",
        action="store_true",
        help="also what rules decide from the prepared data; without it, only recipe and defaults",
    )


def run(arguments: Namespace) -> None:
    print(opened(arguments).as_toml(resolved=arguments.resolved), end="")
