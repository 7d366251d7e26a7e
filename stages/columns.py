"""Names and tags of columns that stages hand to each other, beside those that a recipe names."""

#: Column of the prepared interactions: whether a row is a positive.
POSITIVE = "positive"
#: The column that numbers the rows of all parts, a user's in the order of time.
PLACE = "place"
#: Which part of the split a row belongs to (``workflows.splits``), int8; not written.
PART = "__part"
#: Codes of ``artifacts.PARTS``, in their order.
TRAIN, VALID, TEST = 0, 1, 2
#: Tag of the column that says how much a row counts in a weighted loss; Merlin has none for it.
WEIGHT = "weight"
#: Tag of what depends on user and item, so that no tower can have it.
FOR_RANKER = "for_ranker"
