"""The feature kinds, one file each, discovered in this folder."""

import importlib
import pkgutil

from features.kind import FeatureKind
from stages.configuration import kind_of

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)


def _found(family: type[FeatureKind]) -> list[type[FeatureKind]]:
    """The kinds among a class and its subclasses: those that are defined in this folder."""
    kinds = [family] if family.__module__.startswith(f"{__name__}.") else []
    return kinds + [kind for each in family.__subclasses__() for kind in _found(each)]


#: The kinds by the name that recipes use, sorted.
KINDS: dict[str, type[FeatureKind]] = {
    kind_of(kind): kind for kind in sorted(_found(FeatureKind), key=kind_of)
}
