"""Names for tensors of Keras and ONNX and for files, which cannot have every name that a column can have."""

import hashlib
import keyword
import re
import unicodedata

from .candidates.ranker_features import is_ranker_feature

#: Longer names are shortened: file systems allow 255 bytes, with endings.
LONGEST = 64
_SLUG = 32
#: Neither Keras nor a file system on which case does not count changes such a name. It has no two underscores
#: in a row, which the name of a renamed column has.
_KEPT = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
#: Names with a meaning of their own to Merlin's blocks, exported models or the ranker.
_RESERVED = {
    *("target", "label", "output", "outputs", "input", "inputs", "columns", "training", "self"),
    *("embeddings", "bottom_block", "continuous", "categorical"),
}
_HISTORY = "_history"


def safe_name(name: str) -> str:
    """The name itself if it can be any tensor's and file's; otherwise one made of it and its hash.

    Different names have different safe names. None is that of a ranker feature, of a history (see
    ``history_name``) or of another part of a model.
    """
    if len(name) <= LONGEST and _KEPT.fullmatch(name) and not _is_taken(name):
        return name
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "_", plain)[:_SLUG].strip("_")
    if not slug[:1].isalpha():
        slug = f"column_{slug}".rstrip("_")
    digest = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{slug}__{digest[:16]}"


def history_name(item: str) -> str:
    """The name of the tensor with a user's history; ``item``: the name of the item id column."""
    return f"{safe_name(item)}{_HISTORY}"


def _is_taken(name: str) -> bool:
    return (
        name in _RESERVED
        or name.endswith(_HISTORY)
        or is_ranker_feature(name)
        or keyword.iskeyword(name)
    )
