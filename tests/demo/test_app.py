"""An app over a real socket, against a node that is away, busy or half-dead."""

from collections.abc import AsyncIterator
from typing import cast

import pytest
import trio

from halobestie.demo.account import Account, SignedOut
from halobestie.demo.api import Refused
from halobestie.demo.client import CustomerApp, MitraApp
from halobestie.demo.conversation import Conversation
from tests.waiting import until

from .fake_node import FakeApi, FakeNode, fake_node


class Meeting:
    """A node and a customer's app on it, connected."""

    def __init__(self, node: FakeNode, app: CustomerApp) -> None:
        self.node = node
        self.app = app
        self.api = cast(FakeApi, app.account.api)

    @property
    def talk(self) -> Conversation:
        return self.app.conversations["s1"]

    async def until_answered(self) -> None:
        await self.app.until(lambda: self.talk.unanswered == 0)


@pytest.fixture
async def meeting() -> AsyncIterator[Meeting]:
    with trio.fail_after(10):
        async with fake_node() as (node, account), trio.open_nursery() as nursery:
            app = CustomerApp(account)
            await nursery.start(app.run)
            yield Meeting(node, app)
            nursery.cancel_scope.cancel()


async def test_a_message_is_remembered_with_the_number_and_id_of_its_acknowledgement(
    meeting: Meeting,
) -> None:
    sent = meeting.app.say("s1", "halo")
    await meeting.until_answered()
    (ack,) = meeting.talk.history.acks
    assert (ack.client_message_id, ack.seq, ack.id) == (sent.client_message_id, 1, "id1")
    assert "halo" not in repr(meeting.talk.history)


async def test_a_message_whose_acknowledgement_was_lost_is_sent_again_and_stored_once(
    meeting: Meeting,
) -> None:
    meeting.node.mood = "dying"
    sent = meeting.app.say("s1", "halo")
    await meeting.until_answered()
    first, again = meeting.node.frames("message")
    assert first == again
    assert [row["client_message_id"] for row in meeting.node.stored] == [sent.client_message_id]
    assert meeting.app.hellos == 2


async def test_messages_written_while_no_socket_is_up_leave_in_order_with_the_next_one(
    meeting: Meeting,
) -> None:
    meeting.node.token = "not yet"  # no handshake succeeds before the refresh
    await meeting.node.lose_sockets()
    await until(lambda: not meeting.app.connected)
    written = [meeting.app.say("s1", text).client_message_id for text in ("satu", "dua", "tiga")]
    await meeting.until_answered()
    assert [row["client_message_id"] for row in meeting.node.stored] == written


async def test_after_a_lost_socket_the_app_asks_for_what_it_missed_and_receipts_it(
    meeting: Meeting,
) -> None:
    await meeting.node.tell_all(**meeting.node.store("mitra", "m1", "halo"))
    assert (await meeting.node.until_received("delivered"))["up_to_seq"] == 1
    meeting.node.store("mitra", "m2", "masih di sana?")  # nobody was told
    await meeting.node.lose_sockets()
    assert (await meeting.node.until_received("resume"))["after_seq"] == 1
    assert (await meeting.node.until_received("delivered", 2))["up_to_seq"] == 2
    await meeting.app.until(lambda: meeting.talk.known_up_to == 2)
    assert [
        (seen.seq, seen.connection, seen.resumed) for seen in meeting.talk.history.sightings
    ] == [
        (1, 1, False),
        (2, 2, True),
    ]


async def test_a_message_that_could_not_be_committed_is_sent_again_later(meeting: Meeting) -> None:
    meeting.node.mood = "busy"
    meeting.app.say("s1", "halo")
    await meeting.until_answered()
    assert len(meeting.node.frames("message")) == 2
    assert len(meeting.talk.history.acks) == 1
    assert meeting.talk.history.refused == {}


async def test_a_message_refused_for_good_is_not_sent_again(meeting: Meeting) -> None:
    meeting.node.mood = "closed"
    sent = meeting.app.say("s1", "halo")
    await meeting.until_answered()
    assert meeting.talk.history.refused == {sent.client_message_id: "session_not_active"}
    await meeting.node.lose_sockets()
    await meeting.app.until(lambda: meeting.app.hellos == 2)
    assert len(meeting.node.frames("message")) == 1


async def test_a_token_that_the_node_no_longer_takes_is_renewed_for_the_next_socket(
    meeting: Meeting,
) -> None:
    meeting.node.token = "another"
    await meeting.node.lose_sockets(4401)
    await meeting.app.until(lambda: meeting.app.hellos == 2)
    assert meeting.api.refreshes == 1


async def test_calls_with_an_expired_token_renew_it_once_however_many_there_are(
    meeting: Meeting,
) -> None:
    meeting.node.token = "another"
    account = meeting.app.account
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(account.call, "GET", "/api/client/pricing")
    assert meeting.api.refreshes == 1


async def test_a_session_that_ended_while_no_socket_was_up_is_known_to_be_over(
    meeting: Meeting,
) -> None:
    meeting.node.lists_the_session = False
    await meeting.node.lose_sockets()
    await meeting.app.until(lambda: meeting.talk.over)


async def test_an_app_that_is_signed_out_stops() -> None:
    with trio.fail_after(10):
        async with fake_node() as (node, account):
            app = CustomerApp(account)
            with pytest.RaisesGroup(SignedOut, flatten_subgroups=True):
                async with trio.open_nursery() as nursery:
                    await nursery.start(app.run)
                    await node.lose_sockets(4403)


async def test_an_app_whose_refresh_token_is_dead_stops() -> None:
    with trio.fail_after(10):
        async with fake_node() as (node, account):
            cast(FakeApi, account.api).refuses = True
            node.token = "another"
            with pytest.RaisesGroup(SignedOut, flatten_subgroups=True):
                await CustomerApp(account).run()


async def test_a_mitra_sends_heartbeats_at_the_cadence_that_hello_names() -> None:
    with trio.fail_after(10):
        async with fake_node() as (node, account), trio.open_nursery() as nursery:
            await nursery.start(MitraApp(account).run)
            await node.until_received("heartbeat", 3)
            nursery.cancel_scope.cancel()


async def test_an_offer_stays_open_until_it_is_closed() -> None:
    with trio.fail_after(10):
        async with fake_node() as (node, account), trio.open_nursery() as nursery:
            mitra = MitraApp(account)
            await nursery.start(mitra.run)
            await node.tell_all(type="chat_request", pairing_id="pair1")
            assert (await mitra.next_offer(already=set()))["pairing_id"] == "pair1"
            await node.tell_all(type="chat_request_closed", pairing_id="pair1", reason="taken")
            await mitra.until(lambda: not mitra.offers)
            nursery.cancel_scope.cancel()


async def test_a_refusal_that_is_no_expired_token_is_the_callers_business() -> None:
    async with fake_node() as (_, account):
        api = cast(FakeApi, account.api)

        async def refuse(*_: object, **__: object) -> None:
            raise Refused(409, {"code": "already_active"})

        api.call = refuse  # type: ignore[method-assign]
        with pytest.raises(Refused, match="409 already_active"):
            await Account.call(account, "POST", "/api/client/payment-requests")
