"""The commands of `run.py`. Each imports what it needs when it runs, and nothing else."""

import argparse
import errno
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent

_NO_ADDRESS = {errno.EADDRINUSE, errno.EADDRNOTAVAIL, errno.EACCES}

Command = Callable[[Sequence[str]], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code. A refusal is one line on standard error and 2."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0].startswith("-") and words[0] not in {"-h", "--help"}):
        words.insert(0, "serve")
    if words[0] not in COMMANDS:
        _parser().parse_args(words)  # prints the help, or what is wrong, and exits
    _, command = COMMANDS[words[0]]
    try:
        return command(words[1:])
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        reason = _refusal(error)
        if reason is None:
            raise
        print(f"halobestie: {reason}", file=sys.stderr)
        return 2


def _parser() -> argparse.ArgumentParser:
    summaries = "".join(f"  {name:14}{summary}\n" for name, (summary, _) in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="run.py",
        description="Halo Bestie. Without a command: serve.",
        epilog=f"commands:\n{summaries}\nrun.py COMMAND --help tells more. Settings are "
        "environment variables; .env.example lists them.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("command", choices=COMMANDS, metavar="COMMAND", help="one of those below")
    return parser


def _serve(arguments: Sequence[str]) -> int:
    argparse.ArgumentParser(prog="run.py serve", description=COMMANDS["serve"][0]).parse_args(
        arguments
    )
    from halobestie import node

    return node.main()


# The whole suite waits for servers and browsers as much as it computes; a file's tests
# stay together, for they share a node.
WHOLE_SUITE = ("-n", "2", "--dist", "loadfile")


def _test(arguments: Sequence[str]) -> NoReturn:
    _pytest(arguments or WHOLE_SUITE)


def _pytest(arguments: Sequence[str]) -> NoReturn:
    os.chdir(ROOT)
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *arguments])


def _bench(arguments: Sequence[str]) -> NoReturn:
    _pytest(["-m", "bench", "-s", *arguments])


def _migrate(arguments: Sequence[str]) -> int:
    from halobestie.commands import migrate

    return migrate.main(arguments)


def _actors(arguments: Sequence[str]) -> int:
    from halobestie.commands import actors

    return actors.main(arguments)


def _demo(arguments: Sequence[str]) -> int:
    from halobestie import demo

    return demo.main(arguments)


def _fake_xendit(arguments: Sequence[str]) -> int:
    from halobestie.demo import fake_xendit

    return fake_xendit.main(arguments)


def _create_admin(arguments: Sequence[str]) -> int:
    from halobestie.commands import create_admin

    return create_admin.main(arguments)


def _refusal(error: BaseException) -> str | None:
    """The one line of an error that an operator can do something about; else None."""
    from actors import Unavailable
    from halobestie.adapters.embedded import EmbeddedError
    from halobestie.adapters.migrations import MigrationError
    from halobestie.adapters.queries import QueryError
    from halobestie.settings import SettingsError

    if isinstance(error, BaseExceptionGroup):
        reasons = [_refusal(each) for each in error.exceptions]
        return None if None in reasons else reasons[0]
    if isinstance(error, OSError) and error.errno in _NO_ADDRESS:
        return f"PUBLIC_BIND or INTERNAL_BIND cannot be had: {error.strerror}"
    refusals = (SettingsError, EmbeddedError, MigrationError, QueryError, Unavailable)
    return str(error) if isinstance(error, refusals) else None


COMMANDS: dict[str, tuple[str, Command]] = {
    "serve": ("run the server until SIGTERM (the default)", _serve),
    "test": ("run the tests; what follows goes to pytest", _test),
    "demo": ("drive a server with customers and besties, and check every message", _demo),
    "actors": ("print the live actor tree of the running server", _actors),
    "migrate": ("bring the database's schema forward, and end", _migrate),
    "fake-xendit": ("a pretend payment provider with a page to pay on", _fake_xendit),
    "create-admin": ("create a control-center admin, or let one in again", _create_admin),
    "bench": ("run the measurements of tests/bench; what follows goes to pytest", _bench),
}
