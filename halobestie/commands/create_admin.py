"""`run.py create-admin`: a control-center admin, or an operator made one again.

The way in when nobody can sign in any more. Whoever had that e-mail's password is signed
out everywhere.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from getpass import getpass

import trio

from actors import Clock
from halobestie.accounts.hashing import PASSWORD_COST, REFRESH_COST, Hasher
from halobestie.accounts.limits import Limiter
from halobestie.accounts.messages import Ports
from halobestie.accounts.operators import Operators
from halobestie.accounts.revocations import Revocations
from halobestie.accounts.sessions import AuthSessions
from halobestie.accounts.tokens import AccessTokens, RefreshTokens
from halobestie.adapters.bridge import open_bridge
from halobestie.adapters.migrations import migrate
from halobestie.adapters.postgres import open_database
from halobestie.adapters.valkey import open_valkey
from halobestie.commands.migrate import open_servers
from halobestie.log import configure_logging
from halobestie.secrets import with_generated_secrets
from halobestie.settings import Settings, read_settings

PASSWORD_CHARACTERS = 10  # at least, as the control center asks of operators


def main(arguments: Sequence[str]) -> int:
    """0 when the admin can sign in."""
    parser = argparse.ArgumentParser(
        prog="run.py create-admin",
        description="Create a control-center admin, or give an operator that role and a new "
        "password. The password is asked for, or read from standard input.",
    )
    parser.add_argument("email")
    parser.add_argument("--name", help="the display name of a new one (default: from the e-mail)")
    options = parser.parse_args(arguments)
    if "@" not in options.email:
        parser.error(f"{options.email} is no e-mail address")
    settings = with_generated_secrets(read_settings(os.environ))
    configure_logging(settings.log_format)
    password = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\n")
    if len(password) < PASSWORD_CHARACTERS:
        parser.error(f"the password needs at least {PASSWORD_CHARACTERS} characters")
    name = options.name or options.email.partition("@")[0]
    trio.run(_create, settings, options.email, name, password)
    print(f"{options.email} is an admin")
    return 0


async def _create(settings: Settings, email: str, name: str, password: str) -> None:
    async with (
        open_servers(settings) as (database_url, valkey_url),
        open_bridge() as bridge,
        open_valkey(bridge, valkey_url) as valkey,
    ):
        await migrate(bridge, database_url)
        async with open_database(bridge, database_url) as db:
            assert settings.auth_jwt_secret is not None
            secret, clock = settings.auth_jwt_secret.reveal(), Clock()
            limiter = Limiter(valkey, clock)
            sessions = AuthSessions(
                db,
                AccessTokens(secret, clock),
                RefreshTokens(secret),
                Hasher(REFRESH_COST),
                Revocations(db, valkey, clock, Ports()),
                limiter,
                clock,
            )
            operators = Operators(db, sessions, Hasher(PASSWORD_COST), limiter, clock)
            await operators.make_admin(email, name, password)
