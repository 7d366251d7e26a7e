"""The codes that stand before every vocabulary: NVTabular's own convention."""

PADDING = 0
NULL = 1
#: OOV: unseen at fit, or below the frequency threshold.
OUT_OF_VOCABULARY = 2
#: Element ``i`` of a vocabulary has code ``i + FIRST_KNOWN``.
FIRST_KNOWN = 3
