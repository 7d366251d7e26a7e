"""Write a recipe for your own tables, with a reason for every choice as a comment.

Give the interactions (who took what) and, if there are any, the users and the items, in any order: files,
folders, patterns or URLs. Which is which, the columns and the features are worked out from names and values.

Examples:
  shortlist init shop.csv.gz items.jsonl --out shop.toml
  shortlist init orders/ customers.parquet products.csv
  shortlist init s3://bucket/events/ --user visitor --item page --out events.toml
"""

from argparse import ArgumentParser, Namespace
from pathlib import Path


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="a table: a file, a folder, a pattern or a URL"
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="the recipe (default: named after the file with the interactions, in this folder)",
    )
    parser.add_argument("--user", metavar="COLUMN", help="the interactions' column with the users")
    parser.add_argument("--item", metavar="COLUMN", help="the interactions' column with the items")
    parser.add_argument("--force", action="store_true", help="replace an existing recipe")


def run(arguments: Namespace) -> None:
    from scripts.console import say
    from shortlist import Recipe

    recipe = Recipe.propose(
        arguments.files,
        out=arguments.out,
        user=arguments.user,
        item=arguments.item,
        force=arguments.force,
    )
    path = recipe.settings.given_as
    say(Path(path).read_text(encoding="utf-8"))
    say(f"Written to {path}. Check it, then: shortlist inspect {path}")
