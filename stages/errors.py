"""The exception for errors that users can fix."""


class ShortlistError(Exception):
    """An error that the user can fix.

    The message has the form ``expected X, got Y; do Z``. The command line prints it without a traceback
    and exits with status 1. Any other exception is a bug.
    """
