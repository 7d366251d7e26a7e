"""What the README shows works as it is shown."""

import re
from pathlib import Path

import pyarrow.parquet as pq

from features.kinds import KINDS
from recipes.load import load
from scripts.cli import COMMANDS
from sources.ingest import ingest
from stages.artifacts import Artifacts
from tests.readme_shop import shop_recipe, write_shop

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_made_up_shop_is_read_as_the_readme_shows_it(tmp_path: Path, said: list[str]) -> None:
    """Under 25 lines of TOML and three Parquet files are all that a data set of one's own takes."""
    assert len(shop_recipe().splitlines()) < 25
    recipe, artifacts = load(str(write_shop(tmp_path))), Artifacts(tmp_path / "artifacts")
    said.clear()
    ingest(recipe, artifacts, None)
    orders = pq.read_table(artifacts.raw.interactions)
    assert orders.num_rows > 100
    assert orders.column_names == ["customer", "product", "ordered_at"]
    assert pq.read_table(artifacts.raw.items)["tags"].to_pylist()[0] == ["desk", "gift"]
    assert said == [f"{orders.num_rows:,} interactions, 40 users, 12 items in {artifacts.raw.root}"]


def test_the_features_that_are_explained_are_a_recipe_s(tmp_path: Path) -> None:
    """The page on features shows a table that a recipe takes, with every kind of them."""
    page = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    recipe = shop_recipe()
    path = tmp_path / "shop.toml"
    before, after = recipe.index("[features.user]"), recipe.index("[split]")
    told_apart = '[interactions]\npositive = "paid == true"\n'  # which a target needs, or a label
    path.write_text(recipe[:before] + told_apart + block + recipe[after:], encoding="utf-8")
    features = load(str(path)).features
    kinds = {one.kind for one in features.both.values()}
    assert kinds == set(KINDS)


def test_every_command_and_target_of_the_readme_exists() -> None:
    """What a reader copies into a terminal is there."""
    commands = re.findall(r"^\$ shortlist (\w+)", README, flags=re.MULTILINE)
    assert set(commands) == set(COMMANDS) - {"demo"}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    texts = README + (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`?make ([a-z-]+)`", texts)) <= set(targets)


def test_every_folder_is_described() -> None:
    """A folder with code has its line in the README's table, and every line its folder."""
    described = set(re.findall(r"^\| `(\w+)/`", README, flags=re.MULTILINE))
    holds_code = {path.parent.name for path in ROOT.glob("*/*.py")}
    assert holds_code - {"benchmarks"} <= described
    assert all((ROOT / name).is_dir() for name in described)
