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
    """A recipe's file name is its name, so its artifacts are easy to find."""
    assert load(name).name == name


def test_lists_and_whole_numbers_pass_strict_validation(tmp_path: Path) -> None:
    """TOML's arrays become tuples and its integers floats where the recipe expects them."""
    recipe = load(_written(tmp_path, GOOD))
    assert recipe.features.item["price"].boundaries == (10.0, 50.0)


def test_paths_are_relative_to_the_recipe_file(tmp_path: Path) -> None:
    """A recipe moves together with its data, and an absolute path stays as it is."""
    source = load(_written(tmp_path, GOOD)).source
    assert source.interactions == str(tmp_path / "data/orders.parquet")
    assert source.items == "/elsewhere/products.parquet"
    assert source.users is None


def test_a_recipe_knows_the_name_or_path_it_was_loaded_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Messages contain a command to copy, with the path as typed, or the name of a bundled recipe."""
    _written(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    assert load("./shop.toml").given_as == "./shop.toml"
    assert load("movielens-100k").given_as == "movielens-100k"
    assert load("./shop.toml").model_dump() == load(str(tmp_path / "shop.toml")).model_dump()


def test_an_unknown_recipe_lists_the_known_ones_and_the_nearest() -> None:
    """A typo in a name is answered with the nearest known name."""
    with pytest.raises(ShortlistError, match=r"did you mean 'movielens-100k'\?.*Known recipes"):
        load("movielens-100")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """The message repeats the path, so a wrong folder is easy to see."""
    with pytest.raises(
        ShortlistError, match=r"expected a recipe file at .*nowhere\.toml, found none"
    ):
        load(str(tmp_path / "nowhere.toml"))


def test_a_syntax_error_names_file_line_and_column(tmp_path: Path) -> None:
    """The error points at broken TOML as a compiler would."""
    assert "shop.toml:2:6: expected valid TOML, got an error: " in _complaint(
        tmp_path, 'name = "shop"\nseed 3\n'
    )


def test_a_file_that_is_not_text_is_refused(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 give a message, not a traceback."""
    path = tmp_path / "shop.toml"
    path.write_bytes(b'name = "\xff"')
    with pytest.raises(ShortlistError, match=r"shop\.toml, got invalid UTF-8 at byte 8"):
        load(str(path))


BUCKET = 'kind = "bucket"\nboundaries = [10, 50]'
NAME = '\n[features.item.name]\nkind = "text"\n{}'
COMBINED = '\n[features.item.both]\nkind = "combined"\nof = ["price", "name"]'


@pytest.mark.parametrize(
    ("change", "complaints"),
    [
        (
            ("boundaries =", "boundries ="),
            [
                "features.item.price.boundries: expected a key of this table",
                "got 'boundries' (did you mean 'boundaries'?)",
            ],
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
            [
                "features.item.price: expected two numbers in ascending order in `clip`",
                "got [5.0, 5.0]",
            ],
        ),
        (
            ("boundaries = [10, 50]", "boundaries = [10, 50]\nlog = true"),
            [
                "features.item.price.log: expected a key of kind 'bucket', got one of kind",
                "'numeric'",
            ],
        ),
        (
            ("boundaries = [10, 50]", "boundaries = [10, 50]\nhash_bins = 9"),
            ["features.item.price.hash_bins: expected a key of kind 'bucket', got one of kind"],
        ),
        (
            (BUCKET, 'kind = "categorical"\nhash_bins = 9\nfrequency_threshold = 2'),
            [
                "features.item.price: expected `hash_bins` or `frequency_threshold`, got both",
                "hashing does not count values",
                "leave `frequency_threshold` out",
            ],
        ),
        (
            (BUCKET, 'kind = "text"\nhash_bins = 1'),
            ["hash_bins: expected a value greater than or equal to 2"],
        ),
        (
            (BUCKET, 'kind = "categorical"\nkeep = "last"'),
            ["expected `keep` only with list = true"],
        ),
        (
            (BUCKET, BUCKET + '\nshared = "money"'),
            [
                "price.shared: expected a key of kind 'bucket', "
                "got one of kind 'categorical' or 'text'; remove it"
            ],
        ),
        (
            (BUCKET, 'kind = "text"\nshared = ""'),
            ["price.shared: expected string should have at least 1 character"],
        ),
        (
            (BUCKET, 'kind = "text"\nshared = "words"'),
            ["expected two or more features with shared = 'words', got only 'price'"],
        ),
        (
            (BUCKET, 'kind = "text"\nshared = "w"\nhash_bins = 9' + NAME.format('shared = "w"')),
            [
                "expected the same `frequency_threshold` and `hash_bins`",
                "with shared = 'w'",
                "got different ones for price, name",
            ],
        ),
        (
            (BUCKET, 'kind = "combined"\nof = ["a", "a"]'),
            ["expected each name once in `of`, got ['a', 'a']"],
        ),
        (
            (BUCKET, BUCKET + '\nof = ["a", "b"]'),
            ["features.item.price.of: expected a key of kind 'bucket', got one of kind"],
        ),
        (
            (BUCKET, BUCKET + NAME.format("") + COMBINED),
            [
                "expected features.item.both to combine",
                "of kind 'bucket' or 'categorical', without `list`: price; got 'name'",
            ],
        ),
        (('"parquet"', '"parkett"'), ["source.kind: expected", "did you mean 'parquet'?"]),
        (
            ('"customer"', "1979-05-27"),
            [
                "columns.user: expected a value other than a date",
                "got 1979-05-27. No key of a recipe takes one",
            ],
        ),
        (
            ('user = "customer"\n', ""),
            ["columns.user: expected a value for this required key, got none"],
        ),
        (
            ('"random"', '"random"\ntest = 1.5'),
            ["split.test: expected a value less than 1, got 1.5"],
        ),
        (('"random"', '"random"\nseed = true'), ["split.seed: expected a valid integer, got true"]),
        (
            ('interactions = "data/orders.parquet"\n', ""),
            ["source: expected `interactions`", "for kind 'parquet', got none"],
        ),
        (
            ("[features.item.price]", "[features.item.customer]"),
            ["expected one role for 'customer', got both columns.user and"],
        ),
        (
            ("[features.item.price]", "[features.item.__shortlist_place]"),
            ["expected a name for features.item.__shortlist_place that does not begin with"],
        ),
        (
            ('"customer"', '"__shortlist_user"'),
            ["expected a name for columns.user", "got '__shortlist_user'; rename it"],
        ),
        (
            ('"random"', '"random"\n[retriever]\nbatch_size = 1'),
            ["retriever.batch_size: expected a value greater than or equal to 2, got 1"],
        ),
        (
            ("[split]", '[tune.space]\n"ranker.dropout" = { choices = [] }\n[split]'),
            ["tune.space.ranker.dropout: expected `low` and `high`, or `choices`"],
        ),
        (
            ("[split]", '[tune.space]\n"ranker.dropout" = { low = 0, hihg = 1 }\n[split]'),
            [
                "tune.space.ranker.dropout.hihg: expected a key of this table",
                "got 'hihg' (did you mean 'high'?)",
            ],
        ),
        (
            (
                "[split]",
                '[tune.space]\n"ranker.members" = { low = 1, high = 2.5, integer = true }\n[split]',
            ),
            [
                "tune.space.ranker.members: expected whole numbers for `low` and `high` with `integer`",
                "got 1.0 and 2.5",
            ],
        ),
        (
            (
                "[split]",
                '[ranker]\nkind = "wide-and-deep"\ncrossed_features = [["customer", "prize"]]\n[split]',
            ),
            [
                "expected ranker.crossed_features to name categories, "
                "which are: customer, product, price; got 'prize'"
            ],
        ),
        (
            ("[columns]", "rows = 5\n[columns]"),
            ["source: expected `rows` only with kind = 'aliccp'"],
        ),
        (
            ("[split]", "[joint]\nretrieval_weight = 0\nrating_weight = 0\n[split]"),
            ["joint: expected `retrieval_weight` or `rating_weight` above 0, got 0 for both"],
        ),
        (
            ("[split]", "[joint]\nplato = 2\n[split]"),
            ["joint.plato: expected a key of this table, got 'plato' (did you mean 'plateau'?)"],
        ),
        (
            ("[split]", "[joint]\n[split]"),
            [
                "expected retriever.kind 'softmax', ranker.kind 'dlrm' and ranker.target 'label' "
                "with [joint], got 'softmax', 'dlrm' and 'candidates'"
            ],
        ),
        (
            ("[split]", '[ranker]\ntarget = "label"\n[split]'),
            ["expected columns.label for ranker.target 'label', got none"],
        ),
        (
            ("[split]", '[retriever]\nkind = "none"\n[split]'),
            [
                "with retriever.kind 'none', which leaves the work to the ranker",
                "got ranker.target = 'candidates'",
            ],
        ),
        (
            ("[split]", '[training]\nmemory = "8 GiB"\n[split]'),
            ["training.memory: expected a size such as '500MB' or '8GB', got '8 GiB'"],
        ),
        (('"shop"', '"My Shop"'), ["name: expected string matching pattern", 'got "My Shop"']),
    ],
)
def test_mistakes_are_reported_with_the_full_key(
    tmp_path: Path, change: tuple[str, str], complaints: list[str]
) -> None:
    """For every kind of mistake the error names the key, what was expected and what was found."""
    assert change[0] in GOOD
    message = _complaint(tmp_path, GOOD.replace(*change))
    for complaint in complaints:
        assert complaint in message


@pytest.mark.parametrize(
    ("memory", "size"), [("8GB", 8_000_000_000), ("500 MB", 500_000_000), ("0.5GB", 500_000_000)]
)
def test_memory_is_a_size_with_a_unit(tmp_path: Path, memory: str, size: int) -> None:
    """Megabytes or gigabytes, whole or not; none of it is refused."""
    for given in (memory, "0GB"):
        text = GOOD.replace("[split]", f'[training]\nmemory = "{given}"\n[split]')
        if given == memory:
            assert load(_written(tmp_path, text)).training.memory_bytes == size
        else:
            assert "expected a size" in _complaint(tmp_path, text)


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    """All problems of a recipe are reported at once."""
    text = GOOD.replace('user = "customer"\n', "").replace('"random"', '"sorted"')
    message = _complaint(tmp_path, text)
    assert "columns.user" in message
    assert "split.kind" in message


def test_reading_a_recipe_imports_nothing_slow() -> None:
    """Every command loads a recipe first, even `shortlist releases`."""
    code = """
import sys
from recipes.load import load
load("movielens-100k")
slow = {"pandas", "polars", "pyarrow", "nvtabular", "tensorflow", "merlin"} & set(sys.modules)
assert not slow, slow
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
