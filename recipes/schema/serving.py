"""What a recipe says of serving: how a request is answered, and where users' features lie."""

from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from stages.configuration import Positive, Table

#: How a feature store in Redis is named: by a URL that begins with one of these.
REDIS_SCHEMES = ("redis", "rediss", "unix")


class Serving(Table):
    """What the served ensemble does with a request."""

    #: How many candidates of a user are ranked.
    candidates: Annotated[int, Field(ge=1, le=10_000)] = 100
    #: What brings them, in turns, each its best that is not there yet. ``two-tower``: the retriever.
    #: ``linear``: what the user's items lead to, by a linear item-item model (EDLAE). ``als``: by
    #: factors of alternating least squares (iALS). ``popularity``: what
    #: most users took, for those without a past.
    sources: tuple[Literal["two-tower", "linear", "als", "popularity"], ...] = ("two-tower",)
    #: Answers per user where the request does not say.
    top_k: Positive = 10
    max_batch_size: Positive = 256
    #: ``auto``: exact up to 50,000 items, approximate above.
    index: Literal["auto", "exact", "approximate"] = "auto"
    #: By what share the main figure of a release may be worse than the served one's.
    publish_margin: Annotated[float, Field(ge=0)] = 0.02
    #: So many of the last releases `shortlist publish` keeps.
    keep_releases: Positive = 5
    #: The feature store: ``sqlite`` (a file in the artifacts), or the URL of a Redis.
    store: str = "sqlite"
    #: Milliseconds after which the server goes on without the store.
    store_deadline_ms: Positive = 20
    #: How many recorded events of a user are kept: the newest.
    interactions_kept: Positive = 1000

    @model_validator(mode="after")
    def _answers_come_from_candidates(self) -> "Serving":
        if self.top_k > self.candidates:
            raise ValueError(f"top_k ({self.top_k}) must be at most candidates ({self.candidates})")
        return self

    @field_validator("sources")
    @classmethod
    def _sources_differ(cls, sources: tuple[str, ...]) -> tuple[str, ...]:
        if "two-tower" not in sources or len(set(sources)) < len(sources):
            raise ValueError(
                f"expected 'two-tower' and every source once, and {list(sources)} came"
            )
        return sources

    @field_validator("store")
    @classmethod
    def _store_is_one(cls, store: str) -> str:
        if store == "sqlite":
            return store
        url = urlsplit(store)
        place = url.path if url.scheme == "unix" else url.hostname
        if url.scheme not in REDIS_SCHEMES or not place:
            raise ValueError(
                "expected 'sqlite' or the URL of a Redis, such as redis://localhost:6379/0, "
                f"rediss://… or unix:///run/redis.sock, and '{store}' came"
            )
        if url.password or "password" in parse_qs(url.query):
            raise ValueError(
                "a recipe holds no secret: give the URL with its password in the environment "
                "variable SHORTLIST_FEATURE_STORE"
            )
        return store
