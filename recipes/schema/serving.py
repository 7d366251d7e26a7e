"""What a recipe says of serving: how a request is answered, and where users' features lie."""

from typing import Annotated, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, field_validator, model_validator

from runtime.candidates.generators import GENERATORS, TWO_TOWER
from runtime.did_you_mean import did_you_mean
from stages.configuration import NonNegative, Positive, Table

#: A feature store in Redis is named by a URL that begins with one of these.
REDIS_SCHEMES = ("redis", "rediss", "unix")


class Serving(Table):
    """What the served ensemble does with a request."""

    candidates: Annotated[int, Field(ge=1, le=10_000)] = 100
    """How many candidates of a user are ranked: a request's time grows with it."""
    generators: tuple[str, ...] = (TWO_TOWER,)
    """The candidate generators, which take turns, each with its best that is not there yet. `two-tower`: the
    retriever. `linear`: what the user's items lead to, by a linear item-item model (EDLAE). `als`: by factors
    of alternating least squares (iALS). `popularity`: what most users took, for those without a past."""
    top_k: Positive = 10
    """Answers per user where the request does not say."""
    max_batch_size: Positive = 256
    """Users that Triton answers in one batch, at most."""
    index: Literal["auto", "exact", "approximate"] = "auto"
    """`auto`: exact up to 50,000 items, approximate above."""
    publish_margin: NonNegative = 0.02
    """By what share the main figure of a release may be worse than the served one's."""
    keep_releases: Positive = 5
    """How many of the last releases `shortlist publish` keeps."""
    store: str = "sqlite"
    """The feature store: `sqlite` (a file in the artifacts), or the URL of a Redis."""
    store_deadline_ms: Positive = 20
    """Milliseconds after which the server goes on without the store."""
    interactions_kept: Positive = 1000
    """How many recorded events of a user are kept: the newest."""

    @model_validator(mode="after")
    def _answers_come_from_candidates(self) -> "Serving":
        if self.top_k > self.candidates:
            raise ValueError(f"top_k ({self.top_k}) must be at most candidates ({self.candidates})")
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
                f"expected '{TWO_TOWER}' and every generator once, got {list(generators)}"
            )
        return generators

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
                f"rediss://… or unix:///run/redis.sock, got '{store}'"
            )
        if url.password or "password" in parse_qs(url.query):
            raise ValueError(
                "a recipe holds no secret: give the URL with its password in the environment "
                "variable SHORTLIST_FEATURE_STORE"
            )
        return store
