"""What each stage of the funnel keeps for many users, with the progress of the answers."""

from collections.abc import Sequence
from typing import Any

from runtime.plan import USERS_PER_BATCH, Plan, Trace
from stages.progress import progress


def traced(plan: Plan, users: Sequence[str], **options: Any) -> Trace:
    """As ``Plan.trace``; says how far it is."""
    starts = range(0, len(users), USERS_PER_BATCH)
    return Trace.joined(
        [
            plan.trace(users[start : start + USERS_PER_BATCH], **options)
            for start in progress("answers for test users", starts)
        ]
    )
