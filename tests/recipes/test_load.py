"""Recipes: found by name or path, checked in full, and explained where they are wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from recipes.load import known_recipes, load
from stages.errors import ShortlistError

ROOT = Path(__file__).parents[2]
GOOD = """
name = "shop"
[source]
kind = "parquet"
interactions = "data/orders.parquet"
items = "/elsewhere/products.parquet"
[columns]
user = "customer"
item = "product"
[features.item.price]
kind = "bucket"
boundaries = [10, 50]
[split]
kind = "random"
"""


def _written(folder: Path, text: str) -> str:
    path = folder / "shop.toml"
    path.write_text(text)
    return str(path)


def _complaint(folder: Path, text: str) -> str:
    with pytest.raises(ShortlistError) as raised:
        load(_written(folder, text))
    return str(raised.value)


@pytest.mark.parametrize("name", known_recipes())
def test_every_recipe_of_the_project_loads_under_its_own_name(name: str) -> None:
    """A recipe's file name is its name, so that its artifacts are where a person looks."""
    assert load(name).name == name


def test_lists_and_whole_numbers_pass_strict_validation(tmp_path: Path) -> None:
    """TOML's arrays become tuples and its integers floats where the recipe wants them."""
    recipe = load(_written(tmp_path, GOOD))
    assert recipe.features.item["price"].boundaries == (10.0, 50.0)


def test_paths_are_relative_to_the_recipe_file(tmp_path: Path) -> None:
    """A recipe moves together with its data, and an absolute path stays as it is."""
    source = load(_written(tmp_path, GOOD)).source
    assert source.interactions == str(tmp_path / "data/orders.parquet")
    assert source.items == "/elsewhere/products.parquet"
    assert source.users is None


def test_a_recipe_knows_how_a_person_names_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages name a command to copy: with the path that was typed, or the name of our own."""
    _written(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert load("./shop.toml").given_as == "./shop.toml"
    assert load("movielens-100k").given_as == "movielens-100k"
    assert load("./shop.toml").model_dump() == load(str(tmp_path / "shop.toml")).model_dump()


def test_an_unknown_recipe_lists_the_known_ones_and_the_nearest() -> None:
    """A slip in a name is answered with the name that was meant."""
    with pytest.raises(ShortlistError, match=r"did you mean 'movielens-100k'\?.*Known recipes"):
        load("movielens-100")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A path that leads nowhere is repeated, so that a wrong folder is seen."""
    with pytest.raises(ShortlistError, match=r"There is no recipe file .*nowhere\.toml"):
        load(str(tmp_path / "nowhere.toml"))


def test_a_syntax_error_names_file_line_and_column(tmp_path: Path) -> None:
    """Broken TOML is pointed at, as a compiler would."""
    assert "shop.toml:2:6: not valid TOML: " in _complaint(tmp_path, 'name = "shop"\nseed 3\n')


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 lead to a message and not to a traceback."""
    path = tmp_path / "shop.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ShortlistError, match="byte 8 is not UTF-8"):
        load(str(path))


BUCKET = 'kind = "bucket"\nboundaries = [10, 50]'
NAME = '\n[features.item.name]\nkind = "text"\n{}'
COMBINED = '\n[features.item.both]\nkind = "combined"\nof = ["price", "name"]'


@pytest.mark.parametrize(
    ("change", "complaints"),
    [
        (
            ("boundaries =", "boundries ="),
            ["features.item.price.boundries: there is no such key (did you mean 'boundaries'?)"],
        ),
        (("[split]", "seed = 3\n[split]"), ["features.item.price.seed", "did you mean split.seed"]),
        (("[10, 50]", '[10, "50"]'), ["price.boundaries[1]: expected a valid number", 'got "50"']),
        (("[10, 50]", "[50, 10]"), ["features.item.price: ", "ascending"]),
        (
            ("[10, 50]", "[10, inf]"),
            ["features.item.price.boundaries[1]: expected a finite number"],
        ),
        (
            ('kind = "bucket"\nboundaries = [10, 50]', 'kind = "numeric"\nclip = [5, 5]'),
            ["features.item.price: ", "`clip` must be two numbers in ascending order"],
        ),
        (
            ("boundaries = [10, 50]", "boundaries = [10, 50]\nlog = true"),
            ["features.item.price.log: kind 'bucket' does not read this key", "'numeric'"],
        ),
        (
            ("boundaries = [10, 50]", "boundaries = [10, 50]\nhash_bins = 9"),
            ["features.item.price.hash_bins: kind 'bucket' does not read this key"],
        ),
        (
            (BUCKET, 'kind = "categorical"\nhash_bins = 9\nfrequency_threshold = 2'),
            [
                "features.item.price: `hash_bins` counts no values",
                "leave `frequency_threshold` out",
            ],
        ),
        (
            (BUCKET, 'kind = "text"\nhash_bins = 1'),
            ["hash_bins: expected greater than or equal to 2"],
        ),
        (
            (BUCKET, 'kind = "categorical"\nkeep = "last"'),
            ["`keep` is read where list is true"],
        ),
        (
            (BUCKET, BUCKET + '\nshared = "money"'),
            ["price.shared: kind 'bucket' does not read", "it is for kind 'categorical' or 'text'"],
        ),
        (
            (BUCKET, 'kind = "text"\nshared = "a/b"'),
            ["price.shared: expected string matching pattern"],
        ),
        ((BUCKET, 'kind = "text"\nshared = "words"'), ["'price' alone has shared = 'words'"]),
        (
            (BUCKET, 'kind = "text"\nshared = "product"' + NAME.format('shared = "product"')),
            ["'product' is both columns.item and shared = 'product'"],
        ),
        (
            (BUCKET, 'kind = "text"\nshared = "w"\nhash_bins = 9' + NAME.format('shared = "w"')),
            ["price, name have shared = 'w'", "the same `frequency_threshold` and `hash_bins`"],
        ),
        (
            (BUCKET, 'kind = "combined"\nof = ["a", "a"]'),
            ["`of` has a name twice"],
        ),
        (
            (BUCKET, BUCKET + '\nof = ["a", "b"]'),
            ["features.item.price.of: kind 'bucket' does not read this key"],
        ),
        (
            (BUCKET, BUCKET + NAME.format("") + COMBINED),
            [
                "features.item.both combines 'name'",
                "of kind 'bucket' or 'categorical', without `list`: price",
            ],
        ),
        (('"parquet"', '"parkett"'), ["source.kind: expected", "did you mean 'parquet'?"]),
        (('"customer"', "1979-05-27"), ["columns.user: no key of a recipe takes a date"]),
        (('user = "customer"\n', ""), ["columns.user: this key is missing"]),
        (('"random"', '"random"\ntest = 1.5'), ["split.test: expected less than 1, got 1.5"]),
        (('"random"', '"random"\nseed = true'), ["split.seed: expected a valid integer, got true"]),
        (('interactions = "data/orders.parquet"\n', ""), ["source: ", "needs `interactions`"]),
        (
            ("[features.item.price]", "[features.item.customer]"),
            ["'customer' is both columns.user"],
        ),
        (
            ('"random"', '"random"\n[retriever]\nbatch_size = 1'),
            ["retriever.batch_size: expected greater than or equal to 2, got 1"],
        ),
        (
            ('kind = "bucket"\nboundaries = [10, 50]', 'kind = "numeric"\n[ranker]\nids = false'),
            ["ranker.ids = false leaves the ranker without a category"],
        ),
        (
            ("[split]", '[tune.space]\n"ranker.dropout" = { choices = [] }\n[split]'),
            ["tune.space.ranker.dropout: expected `low` and `high`, or `choices`"],
        ),
        (
            ("[split]", '[tune.space]\n"ranker.dropout" = { low = 0, hihg = 1 }\n[split]'),
            ["tune.space.ranker.dropout.hihg: there is no such key (did you mean 'high'?)"],
        ),
        (
            (
                "[split]",
                '[tune.space]\n"ranker.members" = { low = 1, high = 2.5, integer = true }\n[split]',
            ),
            ["tune.space.ranker.members: with `integer` both"],
        ),
        (
            (
                "[split]",
                '[ranker]\nkind = "wide-and-deep"\ncrossed_features = [["customer", "prize"]]\n[split]',
            ),
            ["ranker.crossed_features names 'prize', and categories are: customer, product, price"],
        ),
        (("[columns]", "rows = 5\n[columns]"), ["source: `rows` is read where kind is 'aliccp'"]),
        (
            ("[split]", "[joint]\nretrieval_weight = 0\nrating_weight = 0\n[split]"),
            ["joint: retrieval_weight and rating_weight must not both be 0"],
        ),
        (
            ("[split]", "[joint]\nplato = 2\n[split]"),
            ["joint.plato: there is no such key (did you mean 'plateau'?)"],
        ),
        (
            ("[split]", "[joint]\n[split]"),
            [
                "[joint] needs retriever.kind 'softmax', ranker.kind 'dlrm' and ranker.target 'label'"
            ],
        ),
        (
            ("[split]", '[ranker]\ntarget = "label"\n[split]'),
            ["ranker.target 'label' needs columns.label"],
        ),
        (
            ("[split]", '[retriever]\nkind = "none"\n[split]'),
            ["retriever.kind 'none' leaves the work to the ranker"],
        ),
        (('"shop"', '"My Shop"'), ["name: expected string matching pattern", 'got "My Shop"']),
    ],
)
def test_what_is_wrong_is_said_with_the_full_key(
    tmp_path: Path, change: tuple[str, str], complaints: list[str]
) -> None:
    """Every kind of mistake names the key, what was expected and what came."""
    assert change[0] in GOOD
    said = _complaint(tmp_path, GOOD.replace(*change))
    for complaint in complaints:
        assert complaint in said


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    """A person mends a recipe in one go."""
    text = GOOD.replace('user = "customer"\n', "").replace('"random"', '"sorted"')
    said = _complaint(tmp_path, text)
    assert "columns.user" in said
    assert "split.kind" in said


def test_a_recipe_is_read_without_what_takes_long_to_import() -> None:
    """Every command reads one first, `shortlist releases` and the like too."""
    code = """
import sys
from recipes.load import load
load("movielens-100k")
slow = {"pandas", "polars", "pyarrow", "nvtabular", "tensorflow", "merlin"} & set(sys.modules)
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
