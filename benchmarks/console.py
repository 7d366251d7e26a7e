"""Progress lines of a benchmark, on stderr: stdout is for the JSON results."""

import sys


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
