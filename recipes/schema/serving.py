"""The serving table of a recipe: how requests are answered, and where user features are stored."""

from typing import Annotated, Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from runtime.candidates.exclusion import ALL, Exclude
from runtime.candidates.generators import GENERATORS, TWO_TOWER
from runtime.did_you_mean import did_you_mean
from runtime.rules.declared import Rules
from stages.configuration import NonNegative, Positive, Table

#: The URL schemes of a feature store in Redis.
REDIS_SCHEMES = ("redis", "rediss", "unix")


def _checked(rules: dict[str, Any]) -> dict[str, Any]:
    Rules.of(rules)
    return rules


class Serving(Table):
    """How the served ensemble answers a request."""

    candidates: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Number of candidates to rank for each user; a request takes longer the more there are."""
    generators: tuple[str, ...] = (TWO_TOWER,)
    """The candidate generators, which take turns, each adding its best candidate that is not in the list yet.
    `two-tower`: the retriever. `linear`: items that the user's items lead to, by the linear item-item model.
    `transitions`: items that users took soon after the user's latest items. `als`: items by the factors of
    alternating least squares (iALS). `popularity`: the most popular items, for users without a history.
    `repeat`: the user's own items, the most frequent and most recent first."""
    exclude: Exclude = ALL
    """Which of the items that a user already had are left out of answers, of the ranker's candidates and of
    evaluated lists: `all` of them, or none of them, `[]` or `none`."""
    top_k: Positive = 10
    """Number of items to return for each user if the request does not set it."""
    max_batch_size: Positive = 256
    """Maximum number of users that Triton answers in one batch."""
    index: Literal["auto", "exact", "approximate"] = "auto"
    """Kind of item index: `exact`, `approximate`, or `auto`, which is exact for up to 50,000 items and
    approximate for more."""
    rules: Annotated[dict[str, Any], AfterValidator(_checked)] = {}
    """Business rules (docs/requests.md) of every answer, a list of tables of each kind: `pin`, `boost`,
    `at_most`. By default there are none."""
    publish_margin: NonNegative = 0.02
    """Largest share by which a release's main figure may be worse than that of the served release for
    `shortlist publish` to accept it."""
    keep_releases: Positive = 5
    """Number of latest releases that `shortlist publish` keeps."""
    store: str = "sqlite"
    """The feature store: `sqlite`, which is a file in the artifacts, or the URL of a Redis server."""
    store_deadline_ms: Positive = 20
    """Time in milliseconds after which the server answers without the feature store."""
    interactions_kept: Positive = 1000
    """Number of recorded events to keep for each user, the newest ones."""

    @model_validator(mode="after")
    def _answers_come_from_candidates(self) -> "Serving":
        if self.top_k > self.candidates:
            raise ValueError(
                f"expected top_k of at most candidates ({self.candidates}), got {self.top_k}"
            )
        return self

    @field_validator("generators")
    @classmethod
    def _generators_are_known_and_differ(cls, generators: tuple[str, ...]) -> tuple[str, ...]:
        known = (TWO_TOWER, *GENERATORS)
        for name in generators:
            if name not in known:
                raise ValueError(
                    f"expected names among {', '.join(known)}, got {name!r}{did_you_mean(name, known)}"
                )
        if TWO_TOWER not in generators or len(set(generators)) < len(generators):
            raise ValueError(
                f"expected '{TWO_TOWER}' and no generator twice, got {list(generators)}"
            )
        return generators

    @field_validator("exclude", mode="before")
    @classmethod
    def _exclude_is_all_or_none(cls, exclude: Any) -> Any:
        if exclude == ALL:
            return ALL
        if exclude == "none" or (isinstance(exclude, list | tuple) and not exclude):
            return ()
        raise ValueError(f"expected 'all', 'none' or [], got {exclude!r}")

    @field_validator("store")
    @classmethod
    def _store_is_one(cls, store: str) -> str:
        if store == "sqlite":
            return store
        url = urlsplit(store)
        place = url.path if url.scheme == "unix" else url.hostname
        if url.scheme not in REDIS_SCHEMES or not place:
            raise ValueError(
                "expected 'sqlite' or the URL of a Redis server, such as redis://localhost:6379/0, "
                f"rediss://… or unix:///run/redis.sock, got '{store}'"
            )
        if url.password or "password" in parse_qs(url.query):
            raise ValueError(
                "expected a URL without a password, because a recipe holds no secrets, got one with a "
                "password; set it in the environment variable SHORTLIST_FEATURE_STORE instead"
            )
        return store
