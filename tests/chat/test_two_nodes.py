"""Two owners of one session: the one that was replaced changes nothing."""

from halobestie.adapters.embedded import EmbeddedValkey
from halobestie.chat.messages import Look, SendMessage, Sent
from tests.chat.couple import new_couple
from tests.chat.keeping import all_answered, kept_every_promise
from tests.nodes import running_node


async def test_an_owner_that_was_replaced_stores_nothing_and_reads_itself_back(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    """The second node takes the session over; the first still believes that it is its own,
    and would number its next message as the second has numbered another."""
    async with (
        running_node(database_url, valkey_server.url) as first,
        running_node(database_url, valkey_server.url) as second,
    ):
        couple = await new_couple(first)
        await couple.sari.says("satu")
        await couple.sari.wait_for("message_status", status="delivered", up_to_seq=1)
        ref = second.house.sessions.ref(couple.key)
        await ref.ask(Look(couple.node_id(couple.sari)))  # it is the second's now
        theirs = SendMessage(couple.node_id(couple.ayu), "by-the-second", "dua")
        stored = await ref.ask(theirs)
        assert isinstance(stored, Sent)
        assert stored.seq == 2

        sent = couple.sari.app.say(couple.id, "tiga")
        error = await couple.sari.wait_for("error", client_message_id=sent.client_message_id)
        assert error["code"] == "unavailable"
        await all_answered([couple.sari])  # the app sends again, and the first has read itself

        ack = couple.sari.talk.history.acks[-1]
        assert ack.seq == 3
        await couple.ayu.hears("dua")  # what it found stored and never told
        await couple.ayu.hears("tiga")
        await kept_every_promise(database_url, first, [couple.sari])


async def test_a_step_of_an_owner_that_was_replaced_is_not_taken(
    database_url: str, valkey_server: EmbeddedValkey
) -> None:
    async with (
        running_node(database_url, valkey_server.url) as first,
        running_node(database_url, valkey_server.url) as second,
    ):
        couple = await new_couple(first)
        await second.house.sessions.ref(couple.key).ask(Look(couple.node_id(couple.sari)))
        # The end falls due on the first, which owns it no more: it reads itself back, and
        # only then does what is due.
        await couple.sari.app.account.call(  # tried again until it is answered
            "POST", f"/api/shared/chat-sessions/{couple.id}/end"
        )
        await couple.ayu.wait_for("session_closing", ended_by="customer")
        assert (await couple.events()).count("closing") == 1
