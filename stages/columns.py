"""Names and tags of columns that stages pass to each other, besides those that a recipe names."""

#: Column of the prepared interactions: whether a row is a positive.
POSITIVE = "positive"
#: Column of the prepared interactions: whether the user has seen the item; only if that may differ from
#: ``POSITIVE`` (``Events.sees_others``).
SEEN = "__seen"
#: Column of the prepared interactions: the weight of the row's kind, from ``events.weights``.
EVENT_WEIGHT = "__event_weight"
#: Column that numbers the rows of all parts, each user's rows in time order.
PLACE = "place"
#: Column with a row's part of the split (``workflows.splits``), int8; never written to disk.
PART = "__part"
#: Codes of ``artifacts.PARTS``, in that order.
TRAIN, VALID, TEST = 0, 1, 2
#: Tag of the column with a row's weight in the loss; Merlin has no such tag.
WEIGHT = "weight"
#: Tag of columns that depend on both user and item, so that no tower can read them.
FOR_RANKER = "for_ranker"
