"""How many baselines an evaluation measures beside the funnel, from the fewest on."""

from typing import Literal, get_args

#: ``none``: popularity alone. ``fast``: those of up to about a minute. ``all``: those that fit in memory.
Level = Literal["none", "fast", "all"]
LEVELS: tuple[Level, ...] = get_args(Level)
