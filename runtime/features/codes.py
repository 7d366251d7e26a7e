"""Category codes. Those before the first value of a vocabulary follow NVTabular's convention."""

from collections.abc import Sequence
from hashlib import blake2b

PADDING = 0
NULL = 1
#: OOV: unseen at fit, or below the frequency threshold.
OUT_OF_VOCABULARY = 2
#: Element ``i`` of a vocabulary has code ``i + FIRST_KNOWN``.
FIRST_KNOWN = 3


def hashed_code(spelling: str, bins: int) -> int:
    """The code of a spelled value without a vocabulary, one of ``bins`` from ``FIRST_KNOWN`` on.

    BLAKE2b (RFC 7693) of its UTF-8, 8 bytes read as a little-endian number, modulo ``bins``: the same
    in every engine and on every machine, unlike NVTabular's own hashes.
    """
    digest = blake2b(spelling.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return FIRST_KNOWN + int.from_bytes(digest, "little") % bins


def combination(codes: Sequence[int]) -> str | None:
    """The codes of several features of a row, spelled as one value; None if all are null."""
    return None if all(code == NULL for code in codes) else ",".join(map(str, codes))
