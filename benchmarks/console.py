"""What a benchmark tells a person: on stderr, for stdout is for machines."""

import sys


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
