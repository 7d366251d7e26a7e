"""The codes that stand before every vocabulary: NVTabular's own convention."""

PADDING = 0
NULL = 1
#: Out of vocabulary (OOV): unseen at fit, or below the frequency threshold.
UNKNOWN = 2
#: Element ``i`` of a vocabulary has code ``i + FIRST_KNOWN``.
FIRST_KNOWN = 3
