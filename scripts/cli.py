"""The console command ``shortlist``.

Only the module of the command that was typed is imported, and that one imports its heavy parts when
it runs, so that every ``--help`` answers at once.
"""

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence
from functools import partial

from scripts.arguments import add_logging
from stages.errors import ShortlistError

#: By name: the folder of this one that holds its module, and a line of help. The module has
#: ``add_arguments(parser)`` and ``run(arguments) -> int | None``; its docstring is the command's help.
COMMANDS = {
    "demo": ("pipeline", "all of it on MovieLens-100K, from download to answers"),
    "doctor": ("pipeline", "check this machine, and say what to fix"),
    "inspect": ("pipeline", "look at a recipe's raw data, and refuse what would train to nonsense"),
    "prepare": ("pipeline", "read a recipe's data, encode it and split it"),
    "train": ("pipeline", "train the retriever and the ranker"),
    "tune": ("pipeline", "search for the best settings of a stage"),
    "evaluate": ("pipeline", "measure every stage, beside popularity"),
    "export": ("pipeline", "put the trained parts together into a release for Triton"),
    "serve": ("operation", "start Triton on the release to be served"),
    "publish": ("operation", "serve another release, with no request lost"),
    "rollback": ("operation", "serve the release before this one again"),
    "releases": ("operation", "list the releases that there are"),
    "features": ("operation", "fill, read and change the feature store"),
    "record": ("operation", "record interactions, which count at once"),
    "items": ("operation", "switch items off and on"),
    "batch": ("operation", "recommendations for a file of users, without a server"),
    "recommend": ("operation", "ask a running server for recommendations"),
}

_DESCRIPTION = """\
From a recipe to ranked recommendations out of a Triton server.

A recipe is a TOML file that names data, features and models. Its commands in order:
inspect, prepare, train, evaluate, export, serve, recommend. To see all of it once: shortlist demo"""

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0: done; 1: it failed, and the reason was said; 2: usage; 130: Ctrl-C."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser_for(given).parse_args(given)
    # nothing else will run in this process; not so where tests call it.
    arguments.own_process = argv is None
    from scripts.console import logs

    try:
        with logs(arguments.log_level, arguments.json_logs):
            return arguments.run(arguments) or 0
    except ShortlistError as error:
        print(f"shortlist: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has left (`shortlist ... | head`); nothing more can be said to it.
        sys.stdout = None
        return 1
    except OSError as error:
        if error.errno not in _DISK:
            raise
        print(f"shortlist: {error.strerror}: {error.filename or ''}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nshortlist: interrupted", file=sys.stderr)
        return 130


def parser_for(argv: Sequence[str]) -> argparse.ArgumentParser:
    """A parser that knows all commands, and the arguments of the one in ``argv``."""
    layout = partial(argparse.RawDescriptionHelpFormatter, max_help_position=28)
    parser = argparse.ArgumentParser(
        prog="shortlist", description=_DESCRIPTION, formatter_class=layout
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, dest="command")
    typed = next((word for word in argv if not word.startswith("-")), None)
    for name, (folder, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, formatter_class=layout)
        if name == typed:
            module = importlib.import_module(f"scripts.{folder}.{name}")
            command.description = module.__doc__
            module.add_arguments(command)
            add_logging(command)
            command.set_defaults(run=module.run)
    return parser


if __name__ == "__main__":
    sys.exit(main())
