"""What the README shows works as shown."""

import re
import tomllib
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features.kinds import KINDS
from recipes.load import load, of_tables
from sources.ingest import ingest
from stages.artifacts import Artifacts
from tests.readme_shop import shop_recipe, write_shop

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_made_up_shop_is_read_as_the_readme_shows_it(tmp_path: Path, said: list[str]) -> None:
    """A new data set takes only three Parquet files and under 25 lines of TOML."""
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
    """The page on features shows a table that a recipe accepts, with every kind of feature."""
    page = (ROOT / "docs/features.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    recipe = shop_recipe()
    path = tmp_path / "shop.toml"
    before, after = recipe.index("[features.user]"), recipe.index("[split]")
    positive = '[interactions]\npositive = "paid == true"\n'  # a target needs this, or a label
    path.write_text(recipe[:before] + positive + block + recipe[after:], encoding="utf-8")
    features = load(str(path)).features
    kinds = {one.kind for one in features.both.values()}
    assert kinds == set(KINDS)


def test_the_recipes_of_your_data_are_valid() -> None:
    """The page on your own data shows two whole recipes, and the source of a third one."""
    page = (ROOT / "docs/your-data.md").read_text(encoding="utf-8")
    blocks = [
        tomllib.loads(block) for block in re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    ]
    files, url, sql = blocks
    assert [of_tables(each).source.kind for each in (files, files | url, sql)] == [
        "files",
        "files",
        "sql",
    ]


def test_the_python_example_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a folder with the shop's tables: figures, titles, and answers of Triton, seen items left out."""
    (block,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert len(block.splitlines()) <= 24
    write_shop(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHORTLIST_ARTIFACTS", "artifacts")
    exec(compile(block, "README.md", "exec"), {})
    remarks, figures, titles, *rest = capsys.readouterr().out.splitlines()
    assert remarks.startswith("(")
    figure, verdict = figures.split(" ", 1)
    assert 0 < float(figure) <= 1
    assert verdict.startswith("The funnel ")
    assert titles.count("Product ") == 3
    served = " ".join(rest)
    assert len(re.findall(r"'p\d+'", served)) >= 3
    assert served.endswith("[ True False]")


def test_the_readme_is_short() -> None:
    """What does not fit has a page in docs/."""
    assert len(README.split()) <= 900


def test_every_target_that_is_named_exists() -> None:
    """The `make` targets that a reader may copy are in the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE)
    texts = "".join(path.read_text(encoding="utf-8") for path in pages())
    named = set(re.findall(r"`make ([a-z-]+)`|^\$ make ([a-z-]+)", texts, flags=re.MULTILINE))
    assert {name for pair in named for name in pair if name} <= set(targets)


def test_every_link_between_pages_leads_somewhere() -> None:
    """Relative links of every page name files that exist."""
    for path in pages():
        for link in re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text("utf-8")):
            assert (path.parent / link).exists(), f"{path.relative_to(ROOT)} links to {link}"


def pages() -> list[Path]:
    """Every Markdown page of the project."""
    return [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), ROOT / "notebooks" / "README.md"]


def test_every_folder_is_described() -> None:
    """A folder with code has its line in the README's table, and every line its folder."""
    rows = re.findall(r"^\| (`\w+/`.*?) \|", README, flags=re.MULTILINE)
    described = set(re.findall(r"`(\w+)/`", " ".join(rows)))
    assert {path.parent.name for path in ROOT.glob("*/*.py")} <= described
    assert all((ROOT / name).is_dir() for name in described)
