"""One running node: everything opened in order, held in one nursery, and closed in reverse.

    servers → database, Valkey → actors → listeners           start
    listeners → sockets → actors → database → servers         SIGTERM

Nothing is acknowledged that is not committed, so a SIGKILL needs no place here: the next
start reads back what was running and minds its deadlines.
"""

import gc
import os
import signal
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import msgspec
import structlog
import trio

from actors import ActorSystem, open_system, snapshot
from halobestie import wiring
from halobestie.adapters.bridge import open_bridge
from halobestie.adapters.embedded import EmbeddedPostgres, EmbeddedValkey
from halobestie.adapters.fcm import fcm_courier
from halobestie.adapters.http import open_http
from halobestie.adapters.jwks import Jwks
from halobestie.adapters.migrations import migrate
from halobestie.adapters.otp import FazpassSender, StubSender
from halobestie.adapters.postgres import open_database
from halobestie.adapters.valkey import Valkey, ValkeyAway, open_valkey
from halobestie.adapters.xendit import XenditGateway
from halobestie.chat.messages import Wake as WakeSession
from halobestie.control.app import control_app
from halobestie.drain import drain
from halobestie.edge import Listener
from halobestie.health import Health
from halobestie.house import House
from halobestie.knobs.messages import Reread
from halobestie.log import configure_logging
from halobestie.pairing.messages import Begin
from halobestie.pairing.messages import Wake as WakePairing
from halobestie.presence.messages import Wake as WakeMitra
from halobestie.public.app import public_app
from halobestie.secrets import with_generated_secrets
from halobestie.settings import Settings, read_settings

KNOBS_CHANNEL = "halobestie:knobs"

log = structlog.get_logger("halobestie.node")


def main() -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    settings = with_generated_secrets(read_settings(os.environ))
    configure_logging(settings.log_format)
    trio.run(partial(serve, settings), restrict_keyboard_interrupt_to_checkpoints=True)
    return 0


async def serve(settings: Settings) -> None:
    """A whole node, from the first server to the drain."""
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT, signal.SIGUSR1) as signals:
        async with open_house(settings) as (house, nursery):
            public = Listener(public_app(house), str(settings.public_bind), "public")
            internal = Listener(control_app(house), str(settings.internal_bind), "internal")
            house.statistics["public"] = public.statistics
            house.statistics["internal"] = internal.statistics
            for listener in (public, internal):
                host, port = await nursery.start(listener.serve)
                print(f"{listener.name} listening on http://{host}:{port}", flush=True)
            _quieten_the_collector()
            house.health.phase = "serving"
            async for number in signals:
                if number != signal.SIGUSR1:
                    break
                log_tree(house)
            nursery.start_soon(_end_at_second_signal, signals)
            _watch_the_clock(settings.drain_timeout_seconds)
            await drain(house, public, internal, settings.drain_timeout_seconds)
            nursery.cancel_scope.cancel()
    log.info("stopped")


@asynccontextmanager
async def open_house(settings: Settings) -> AsyncIterator[tuple[House, trio.Nursery]]:
    """Everything but the listeners, and the nursery they belong into."""
    async with AsyncExitStack() as stack:
        servers = await stack.enter_async_context(trio.open_nursery())
        database_url, valkey_url = await _servers(settings, servers)
        bridge = await stack.enter_async_context(open_bridge())
        await migrate(bridge, database_url)
        db = await stack.enter_async_context(open_database(bridge, database_url))
        await db.prepare_all()
        journal_db = await stack.enter_async_context(db.dedicated())
        valkey = await stack.enter_async_context(open_valkey(bridge, valkey_url))
        http = await stack.enter_async_context(open_http())
        gateway = None
        if settings.xendit_enabled and settings.xendit_secret_key is not None:
            gateway = XenditGateway(settings.xendit_base_url, settings.xendit_secret_key.reveal())
            stack.push_async_callback(gateway.aclose)
        nursery = await stack.enter_async_context(trio.open_nursery())
        system = await stack.enter_async_context(open_system())
        sender: StubSender | FazpassSender = StubSender()
        if settings.fazpass_merchant_key is not None and settings.fazpass_gateway_key is not None:
            sender = FazpassSender(
                http,
                settings.fazpass_base_url,
                merchant_key=settings.fazpass_merchant_key.reveal(),
                gateway_key=settings.fazpass_gateway_key.reveal(),
            )
            await nursery.start(sender.run)
        elif settings.production:
            log.warning("one-time codes go to the log: FAZPASS_MERCHANT_KEY is not set")
        outside = wiring.Outside(
            settings=settings,
            db=db,
            journal_db=journal_db,
            valkey=valkey,
            gateway=gateway,
            courier=fcm_courier(
                settings.firebase_service_account_path, settings.fcm_base_url, http, system.clock
            ),
            sender=sender,
            google_keys=Jwks(settings.google_jwks_url, http),
            apple_keys=Jwks(settings.apple_jwks_url, http),
            announce_knobs=lambda: nursery.start_soon(_announce_knobs, valkey),
        )
        house = wiring.furnish(outside, system, Health())
        await house.knobs.reread()
        if await house.accounts.start():
            _print_first_admin(settings)
        await nursery.start(house.accounts.run)
        nursery.start_soon(_listen_for_knobs, valkey, system)
        await _wake(house)
        yield house, nursery
        nursery.cancel_scope.cancel()
        servers.cancel_scope.cancel()


async def _servers(settings: Settings, nursery: trio.Nursery) -> tuple[str, str]:
    """The URLs of PostgreSQL and Valkey; those that are not given are started here."""
    if settings.database_url is not None:
        database_url = settings.database_url.reveal()
    else:
        postgres = EmbeddedPostgres(settings.data_dir)
        await nursery.start(postgres.run)
        database_url = postgres.url
    if settings.valkey_url is not None:
        valkey_url = settings.valkey_url.reveal()
    else:
        valkey = EmbeddedValkey(settings.data_dir)
        await nursery.start(valkey.run)
        valkey_url = valkey.url
    return database_url, valkey_url


async def _wake(house: House) -> None:
    """Start whatever has a deadline to mind; what fell due meanwhile happens at once."""
    for mitra_id in await house.presence_store.online():
        house.mitras.ref(mitra_id).tell(WakeMitra())
    for pairing_id in await house.searches.running():
        house.pairings.ref(pairing_id).tell(WakePairing())
    for payment_id in await house.searches.unstarted(house.clock.now()):
        house.pairings.ref(payment_id).tell(Begin(payment_id))
    for session_id in await house.transcripts.unfinished():
        house.sessions.ref(session_id).tell(WakeSession())


async def _announce_knobs(valkey: Valkey) -> None:
    """Other nodes reread at once; without Valkey they do so by themselves before long."""
    try:
        await valkey.publish(KNOBS_CHANNEL, b"")
    except ValkeyAway:
        log.warning("knobs not announced")


async def _listen_for_knobs(valkey: Valkey, system: ActorSystem) -> None:
    async with valkey.subscribe(KNOBS_CHANNEL) as events:
        async for _ in events:  # a gap too: what was lost may have been an announcement
            system.ref("knobs", "knobs").tell(Reread())


def _quieten_the_collector() -> None:
    """Keep garbage collection from holding the loop.

    What was made until now lives as long as the node and is looked at no more; cycles
    made while serving are few, and a full collection of a busy node's memory took up
    to 0.2 s (measured at 9,000 messages a second: the worst acknowledgement came after
    190 ms, and after 60 ms with these numbers).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def log_tree(house: House) -> None:
    """Write the live tree into the log, as SIGUSR1 asks."""
    tree = snapshot(house.system, started_at=house.started_at)
    log.info("actor tree", tree=msgspec.to_builtins(tree))


def _print_first_admin(settings: Settings) -> None:
    """Once, to standard output alone: a generated password must not be in the log."""
    password = settings.cc_admin_password
    if password is not None and not settings.production:
        print(
            f"first admin of the control center: {settings.cc_admin_email} "
            f"password {password.reveal()}",
            flush=True,
        )


async def _end_at_second_signal(signals: AsyncIterator[int]) -> None:
    async for number in signals:
        if number != signal.SIGUSR1:
            os._exit(1)


def _watch_the_clock(seconds: float) -> None:
    """The last resort: a drain that something holds up must not outlive its bound."""

    def end() -> None:
        sys.stderr.write("halobestie: the drain did not end in time\n")
        os._exit(1)

    timer = threading.Timer(seconds, end)
    timer.daemon = True
    timer.start()
