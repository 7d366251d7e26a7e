"""The one exception a person is meant to read."""


class ShortlistError(Exception):
    """Something the person at the terminal can mend.

    The message says what was expected, what came instead, and what to do about it. The command line
    prints it without a traceback and exits with status 1; any other exception is a bug.
    """
