"""Where a feature store lies, as a path or a URL."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRETS = ("username", "password")


def is_url(where: str) -> bool:
    """Whether a store's place is a URL; else it is a path."""
    return "://" in where


def without_secrets(where: str) -> str:
    """A store's place as it may be shown and written down: no user, no password."""
    if not is_url(where):
        return where
    url = urlsplit(where)
    query = urlencode([each for each in parse_qsl(url.query) if each[0] not in _SECRETS])
    # Not urlunsplit alone: of unix:///run/redis.sock it would leave one slash.
    rest = urlunsplit(("", "", url.path, query, ""))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{rest}"
