"""The data tables of a recipe: source, columns, interactions, vocabulary and split."""

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from recipes.schema.raw_column import RawColumn
from runtime.conditions import parse
from stages.configuration import Fraction, Positive, Table
from stages.urls import is_url, scheme, secret_in, without_secrets

#: The stores and servers that files are read from, and the databases.
FILE_SCHEMES = ("s3", "gs", "az", "http", "https")
EMBEDDED = ("duckdb", "sqlite")
DATABASES = (*EMBEDDED, "postgresql", "snowflake", "bigquery")


class Source(Table):
    """Where the raw tables come from."""

    kind: Literal[
        "movielens-100k",
        "lastfm-2k",
        "listenbrainz",
        "anime",
        "aliccp",
        "gowalla",
        "files",
        "parquet",
        "sql",
    ]
    """The reader of the raw tables: `files` for your own tables in files (docs/your-data.md; `parquet` is its
    older name, and means the same), `sql` for your own tables in a database, `listenbrainz` for a
    ListenBrainz dump, otherwise the public data set of that name."""
    connection: str | None = None
    """The database, without a password: `duckdb:///shop.duckdb` or `sqlite:///shop.db`, relative to the
    recipe file, or `postgresql://host/database`. Passwords are read from the environment."""
    interactions: str | None = None
    """The interactions. For `files`: a file, a folder of files, or a URL, relative to the recipe file; for
    `sql`: a query; for `listenbrainz`: a dump."""
    users: str | None = None
    """The users table, as a file, a folder, a URL or a query, like `interactions`. By default the users are
    the user ids in the interactions."""
    items: str | None = None
    """The items table, as a file, a folder, a URL or a query, like `interactions`. By default the items are
    the item ids in the interactions."""
    titles_as_items: bool = False
    """Whether films with the same title are one item, with the title as its id."""
    rows: Positive = 100_000
    """Number of synthetic interactions to generate if the real files are not available."""
    catalogue: Annotated[int, Field(ge=0)] = 0
    """Number of items and number of users that synthetic interactions are drawn from. The default, 0, keeps
    the ids that Merlin's generator draws, some thousands."""
    columns: dict[str, RawColumn] = {}

    READ_WHERE: ClassVar = {
        "connection": ("kind", ("sql",)),
        "interactions": ("kind", ("files", "parquet", "sql", "listenbrainz")),
        "users": ("kind", ("files", "parquet", "sql")),
        "items": ("kind", ("files", "parquet", "sql")),
        "titles_as_items": ("kind", ("movielens-100k",)),
        "rows": ("kind", ("aliccp",)),
        "catalogue": ("kind", ("aliccp",)),
    }

    @property
    def paths(self) -> dict[str, str]:
        """The tables that are files, folders or URLs, by their keys."""
        if self.kind == "sql":
            return {}
        named = {name: getattr(self, name) for name in ("interactions", "users", "items")}
        return {name: path for name, path in named.items() if path is not None}

    @model_validator(mode="after")
    def _a_reader_has_what_it_reads(self) -> "Source":
        expected = {
            **dict.fromkeys(("files", "parquet"), "the path of a file"),
            "sql": "a query",
            "listenbrainz": "the path of a dump",
        }
        if self.kind in expected and self.interactions is None:
            raise ValueError(
                f"expected `interactions`, {expected[self.kind]}, for kind '{self.kind}', got none"
            )
        if self.kind == "sql" and self.connection is None:
            raise ValueError(
                "expected `connection`, such as 'duckdb:///shop.duckdb', for kind 'sql', got none"
            )
        return self

    @model_validator(mode="after")
    def _urls_are_readable_and_hold_no_secret(self) -> "Source":
        urls = {name: path for name, path in self.paths.items() if is_url(path)}
        for name, url in urls.items():
            _refuse_secrets(name, url, "the environment, where the store's library looks for it")
            if scheme(url) not in FILE_SCHEMES:
                raise ValueError(
                    f"expected `{name}` as a path or a URL that begins with "
                    f"{', '.join(f'{each}://' for each in FILE_SCHEMES)}, got '{without_secrets(url)}'"
                )
        if self.connection is not None:
            _refuse_secrets("connection", self.connection, "the environment, such as PGPASSWORD")
            if not is_url(self.connection) or scheme(self.connection) not in DATABASES:
                raise ValueError(
                    "expected `connection` to begin with "
                    f"{', '.join(f'{each}://' for each in DATABASES)}, got another one"
                )
            if scheme(self.connection) in EMBEDDED and ":///" not in self.connection:
                raise ValueError(
                    f"expected three slashes before the file in `connection`, such as "
                    f"'{scheme(self.connection)}:///shop.db', got '{self.connection}'"
                )
        return self


def _refuse_secrets(name: str, url: str, place: str) -> None:
    if found := secret_in(url):
        raise ValueError(
            f"expected no password or key in `{name}`, got {found} in the URL; put it into {place}"
        )


class Columns(Table):
    """The raw columns that are not features, by role."""

    user: str
    """Column with the user id, in both the interactions and the users table."""
    item: str
    """Column with the item id, in both the interactions and the items table."""
    timestamp: str | None = None
    """Column of the interactions with the time of each, which orders a user's interactions: a date, a
    datetime, text in ISO 8601 or integer seconds (docs/columns.md). By default they keep the order of the
    table."""
    label: str | None = None
    """Column of the interactions with a number for each, such as a rating. By default there are no labels."""
    weight: str | None = None
    """Column of the interactions with the weight of each in training, at least 0; interactions with weight 0
    are dropped. By default every weight is 1."""
    title: str | None = None
    """Column of the items table with the title to show to people. By default only ids are shown."""


def _readable(text: str) -> str:
    parse(text)
    return text


#: A condition on the columns of interactions; that the columns exist is checked when the table is read.
Condition = Annotated[str, AfterValidator(_readable)]


class Interactions(Table):
    """Which interactions count, and how much of a user's history the models see."""

    filter: Condition | None = None
    """Condition (docs/requests.md), such as `rating >= 4`, that an interaction must meet; the others are
    dropped. By default all interactions are used."""
    positive: Condition | None = None
    """Condition, such as `click == 1`, that makes an interaction a positive. Positives are what the models
    learn to retrieve, what forms the history, and what is relevant in evaluation; the other interactions are
    items that users were shown or tried but did not take. By default every interaction is a positive."""
    repeats: bool = False
    """Whether to keep every interaction of a user with an item. By default only the latest positive one is
    kept, or else the latest."""
    history_length: Annotated[int, Field(ge=0, le=10_000)] = 50
    """Maximum number of a user's most recent positives that the models see as history; 0 means no history.
    Training and requests take longer the longer it is."""


class Vocabulary(Table):
    """Which user and item ids are too rare to get a code."""

    user_frequency_threshold: Positive = 1
    """User ids with fewer interactions than this in the training part (train and valid) share the
    out-of-vocabulary code. The default, 1, keeps every id."""
    item_frequency_threshold: Positive = 1
    """Item ids with fewer interactions than this in the training part (train and valid) share the
    out-of-vocabulary code. The default, 1, keeps every id."""
    drop_rare: bool = False
    """Whether to drop rare users and items together with their interactions instead. Both thresholds then
    apply to counts over all interactions, before the split, and items without interactions are not
    candidates."""


class Split(Table):
    """How the interactions are split into train, valid and test.

    The valid part is split from the training part in the same way as the test part from all interactions.
    """

    kind: Literal["random", "stratified", "temporal", "leave-last-out", "given"]
    """Which interactions form the test part. `random`: interactions at random. `stratified`: the same share
    of each user or item. `temporal`: the latest of all. `leave-last-out`: the latest of each user. `given`:
    those that `column` marks; the valid part is then stratified."""
    by: Literal["user", "item"] = "user"
    """Whether a stratified split keeps the same share of each `user` or of each `item` in every part."""
    column: str | None = None
    """Column of the interactions that is true (or 1) in the test part."""
    test: Fraction = 0.25
    """Share of the interactions in the test part; 0 means no test part."""
    valid: Annotated[float, Field(gt=0, lt=1)] = 0.1
    """Share of the training part that is held out for early stopping, and to train the ranker on."""
    seed: int = 42
    """Seed of the random split, and of the draw of test users (`evaluation.users`)."""

    READ_WHERE: ClassVar = {
        "by": ("kind", ("stratified", "given")),
        "column": ("kind", ("given",)),
        "test": ("kind", ("random", "stratified", "temporal")),
        "valid": ("kind", ("random", "stratified", "temporal", "given")),
    }

    @property
    def for_more_tests(self) -> str:
        """What to do if the test part has no positives."""
        if self.kind in self.READ_WHERE["test"][1]:
            return "Raise `split.test`"
        return f"Choose another split.kind than '{self.kind}', or loosen what makes a positive"

    @model_validator(mode="after")
    def _given_names_its_column(self) -> "Split":
        if self.kind == "given" and self.column is None:
            raise ValueError(
                "expected `column`, the column of the interactions that is true in the test part, for kind "
                "'given', got none"
            )
        return self
