"""The location of a feature store: a path or a URL."""

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

_SECRETS = ("username", "password")


def is_url(where: str) -> bool:
    """Whether a store's location is a URL; else it is a path."""
    return "://" in where


def without_secrets(where: str) -> str:
    """A store's location without user and password, to display and to write to files."""
    if not is_url(where):
        return where
    url = urlsplit(where)
    query = urlencode([each for each in parse_qsl(url.query) if each[0] not in _SECRETS])
    # Not urlunsplit alone, which would leave only one slash of unix:///run/redis.sock.
    rest = urlunsplit(("", "", url.path, query, ""))
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{rest}"
