"""URLs of tables and databases: recognised, and refused if they hold a password or a key."""

import re
from urllib.parse import parse_qsl, unquote, urlsplit

#: Query parameters that grant access, as in pre-signed URLs.
_SECRET = re.compile(
    r"password|passwd|pwd|secret|token|credential|signature|^sig$|^(api|access)[-_]?key$|^key$",
    re.I,
)
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


def is_url(place: str) -> bool:
    """Whether this is a URL rather than a path."""
    return _URL.match(place) is not None


def scheme(url: str) -> str:
    """The part before ``://``, in lower case."""
    return url.partition("://")[0].lower()


def secret_in(url: str) -> str:
    """What grants access in a URL: ``a password``, or a parameter's name; empty if nothing does.

    The user's name alone grants nothing in a database's URL; before the host of other URLs it may be a key.
    """
    parts = urlsplit(url)
    user, colon, _ = parts.netloc.rpartition("@")[0].partition(":")
    if colon:
        return "a password"
    if user and scheme(url) in ("s3", "gs", "http", "https"):
        return "a user or key before the host"
    for text in (parts.query, parts.fragment):
        for name, _ in parse_qsl(text, keep_blank_values=True):
            if _SECRET.search(unquote(name)):
                return f"the parameter '{name}'"
    return ""


def without_secrets(url: str) -> str:
    """A URL for messages: without what precedes the host, and without parameters."""
    start, _, rest = url.partition("://")
    host, slash, path = re.split(r"[?#]", rest, maxsplit=1)[0].partition("/")
    return f"{start}://{host.rpartition('@')[2]}{slash}{path}"
