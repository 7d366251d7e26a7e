"""The console command ``shortlist``.

Only the module of the given command is imported, and it imports its heavy dependencies when it runs, so
every ``--help`` responds immediately.
"""

import argparse
import errno
import importlib
import sys
from collections.abc import Sequence
from functools import partial

from scripts.arguments import add_logging
from stages.errors import ShortlistError

#: By name: the subfolder with the command's module, and a line of help. The module has
#: ``add_arguments(parser)`` and ``run(arguments) -> int | None``; its docstring is the command's help.
COMMANDS = {
    "demo": ("pipeline", "run everything on MovieLens-100K, from download to recommendations"),
    "doctor": ("pipeline", "check this machine, and report what to fix"),
    "init": ("pipeline", "write a recipe for your own tables"),
    "inspect": (
        "pipeline",
        "profile a recipe's raw data, and reject data that cannot train a useful model",
    ),
    "prepare": ("pipeline", "read, encode and split a recipe's data"),
    "recipe": ("pipeline", "print every setting of a recipe, and who decided it"),
    "train": ("pipeline", "train the retriever and the ranker"),
    "tune": ("pipeline", "search for a recipe's best settings"),
    "evaluate": ("pipeline", "measure every stage against simple methods"),
    "export": ("pipeline", "assemble the trained parts into a release for Triton"),
    "serve": ("operation", "start Triton on the published release"),
    "publish": ("operation", "serve another release, without losing a request"),
    "rollback": ("operation", "serve the previous release again"),
    "releases": ("operation", "list all releases"),
    "features": ("operation", "fill, read and change the feature store"),
    "record": ("operation", "record interactions, effective immediately"),
    "items": ("operation", "switch items off and on"),
    "batch": ("operation", "recommend for a file of users, without a server"),
    "recommend": ("operation", "ask a running server for recommendations"),
}

_DESCRIPTION = """\
From a recipe to ranked recommendations from a Triton server.

A recipe is a TOML file that describes data, features and models. The commands in order:
inspect, prepare, train, evaluate, export, serve, recommend. To run them all once: shortlist demo"""

_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command. 0: success; 1: failure, reported on stderr; 2: usage error; 130: Ctrl-C."""
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser_for(given).parse_args(given)
    # True if nothing else runs in this process; tests pass ``argv``.
    arguments.own_process = argv is None
    from scripts.console import logs

    try:
        with logs(arguments.log_level, arguments.json_logs):
            return arguments.run(arguments) or 0
    except ShortlistError as error:
        print(f"shortlist: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # The reader has closed the pipe (`shortlist ... | head`): flushing at exit would fail too.
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
    """A parser of all commands, with the arguments of the one in ``argv`` only."""
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
