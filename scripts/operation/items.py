"""Switch items off and on: within a second, an item that is off is no longer recommended.

Without --off and --on, list the items that are off. They stay off when a new release is served.

Examples:
  shortlist items movielens-100k --off 50 181
  shortlist items movielens-100k --on 50
  shortlist items movielens-100k
"""

from argparse import ArgumentParser, Namespace

from scripts.arguments import add_recipe, opened
from stages.errors import ShortlistError


def add_arguments(parser: ArgumentParser) -> None:
    add_recipe(parser)
    for way, what in (("off", "to hide"), ("on", "to show again")):
        parser.add_argument(
            f"--{way}", nargs="+", action="extend", default=[], metavar="ID", help=f"items {what}"
        )


def run(arguments: Namespace) -> None:
    recipe = opened(arguments)
    from ensemble.releases.repository import latest_release
    from runtime.candidates.catalogue import Catalogue
    from scripts.console import say

    changed = [*arguments.off, *arguments.on]
    twice = sorted(set(arguments.off) & set(arguments.on))
    if twice:
        raise ShortlistError(f"expected each item after --off or --on, got {twice[0]} after both.")
    with recipe.feature_store(read_only=not changed) as store:
        if changed:
            release = latest_release(recipe.artifacts)
            if release is None:
                raise ShortlistError(
                    "expected a release with the items to switch, found none. Run: shortlist export "
                    f"{arguments.recipe}"
                )
            # An item that is off may no longer be in the catalogue.
            known = store.switched_off()
            rows = Catalogue.load(release).rows(changed)
            for item_id, row in zip(changed, rows, strict=True):
                if row < 0 and item_id not in known:
                    raise ShortlistError(
                        f"expected items of release {release.name}, got '{item_id}'. Nothing was "
                        "switched."
                    )
            store.switch(arguments.off, on=False)
            store.switch(arguments.on, on=True)
        off = sorted(store.switched_off())
    say(f"off: {', '.join(off)}" if off else "every item is on")
