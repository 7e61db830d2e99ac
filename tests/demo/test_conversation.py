"""One app's side of a session, without a socket: what it knows, owes and asks for."""

from typing import Any

import pytest

from halobestie.demo.conversation import RESEND_AFTER, RETRY_AFTER, Conversation

Frame = dict[str, Any]


@pytest.fixture
def talk() -> Conversation:
    """A customer's side."""
    return Conversation({"id": "s1", "status": "active"}, "customer")


def message(seq: int, sender: str = "mitra") -> Frame:
    return {
        "type": "message",
        "session_id": "s1",
        "seq": seq,
        "id": f"id{seq}",
        "sender_type": sender,
        "client_message_id": f"c{seq}",
    }


def sent_status(client_id: str, seq: int) -> Frame:
    return {"status": "sent", "client_message_id": client_id, "seq": seq, "id": f"id{seq}"}


def test_what_is_known_ends_at_the_first_gap(talk: Conversation) -> None:
    for seq in (1, 2, 4):
        talk.on_message(message(seq), 1, 0.0)
    assert talk.known_up_to == 2
    talk.on_message(message(3), 1, 0.0)
    assert talk.known_up_to == 4


def test_an_acknowledgement_fills_the_place_of_ones_own_message(talk: Conversation) -> None:
    sent = talk.say("halo", 0.0)
    talk.on_message(message(2), 1, 0.0)
    assert talk.known_up_to == 0
    talk.on_sent(sent_status(sent.client_message_id, 1), 0.1)
    assert talk.known_up_to == 2


def test_a_receipt_covers_only_what_came_without_a_gap(talk: Conversation) -> None:
    assert talk.receipt("delivered") is None
    talk.on_message(message(1), 1, 0.0)
    talk.on_message(message(3), 1, 0.0)
    assert talk.receipt("read") == {"type": "read", "session_id": "s1", "up_to_seq": 1}


def test_a_message_counts_as_new_once(talk: Conversation) -> None:
    assert talk.on_message(message(1), 1, 0.0)
    assert not talk.on_message(message(1), 1, 0.0)
    assert not talk.on_message(message(2, sender="customer"), 1, 0.0)
    assert len(talk.history.sightings) == 3


def test_a_new_socket_resumes_only_what_is_not_known(talk: Conversation) -> None:
    talk.on_message(message(1), 1, 0.0)
    assert list(talk.connected(2, 1, 0.0)) == []
    assert list(talk.connected(3, 5, 0.0)) == [
        {"type": "resume", "session_id": "s1", "after_seq": 1}
    ]
    assert [frame["type"] for frame in talk.connected(4, None, 0.0)] == ["resume"]
    assert talk.history.baselines == {2: 1, 3: 5, 4: 1}


def test_sightings_are_marked_as_resumed_until_the_resume_is_over(talk: Conversation) -> None:
    list(talk.connected(1, 1, 0.0))
    talk.on_message(message(1), 1, 0.0)
    talk.on_resumed()
    talk.on_message(message(2), 1, 0.0)
    assert [seen.resumed for seen in talk.history.sightings] == [True, False]


def test_unanswered_messages_go_out_again_on_the_next_socket_in_order(talk: Conversation) -> None:
    written = [talk.say(text, 0.0).client_message_id for text in "abc"]
    talk.on_sent(sent_status(written[1], 1), 0.1)
    frames = list(talk.connected(2, 1, 0.2))
    assert [frame["client_message_id"] for frame in frames] == [written[0], written[2]]


def test_a_message_without_any_answer_is_sent_again_after_a_while(talk: Conversation) -> None:
    frame = talk.frame_of(talk.say("halo", 0.0), 0.0)
    assert list(talk.due_again(RESEND_AFTER - 0.1)) == []
    assert list(talk.due_again(RESEND_AFTER)) == [frame]


def test_a_message_written_without_a_socket_waits_for_one(talk: Conversation) -> None:
    talk.say("halo", 0.0)
    assert list(talk.due_again(1000.0)) == []


def test_a_message_that_is_welcome_later_is_sent_again_a_moment_later(talk: Conversation) -> None:
    sent = talk.say("halo", 0.0)
    frame = talk.frame_of(sent, 0.0)
    talk.on_error({"code": "overloaded", "client_message_id": sent.client_message_id}, 1.0)
    assert list(talk.due_again(1.0 + RETRY_AFTER - 0.1)) == []
    assert list(talk.due_again(1.0 + RETRY_AFTER)) == [frame]
    assert list(talk.due_again(1.0 + RETRY_AFTER)) == []


def test_an_older_answer_does_not_bring_a_session_back(talk: Conversation) -> None:
    talk.status = "completed"
    talk.learn({"id": "s1", "status": "closing", "ends_at": "later"})
    assert talk.over
    assert talk.session["ends_at"] == "later"


def test_an_extended_session_is_active_again(talk: Conversation) -> None:
    talk.status = "expired"
    talk.learn({"id": "s1", "status": "active"})
    assert talk.status == "active"
