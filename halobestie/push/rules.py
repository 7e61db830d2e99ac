"""What a push says, and when a failed one is tried again. Pure."""

from datetime import datetime, timedelta
from random import Random
from typing import Any

from .messages import PushType
from .outbox import PushRow
from .ports import DeadToken, Delivered, Fate, OurMistake, TryLater

CHANNEL = "halobestie_chat_v2"
RETRY_FOR = timedelta(hours=1)
FIRST_WAIT, LONGEST_WAIT = 10.0, 600.0  # seconds

# Neutral: a phone lies on a table, and this is a chat about what hurts. Never a name,
# never what was written.
TEXTS: dict[PushType, tuple[str, str]] = {
    "chat_message": ("Halo Bestie", "Ada pesan baru untukmu."),
    "paired": ("Halo Bestie", "Sesimu sudah dimulai."),
    "pairing_failed": ("Halo Bestie", "Ada kabar tentang permintaanmu."),
    "chat_request": ("Halo Bestie", "Ada permintaan baru."),
    "extension_requested": ("Halo Bestie", "Ada permintaan tambahan waktu."),
    "session_expired": ("Halo Bestie", "Waktu sesimu sudah habis."),
    "session_closing": ("Halo Bestie", "Sesimu akan ditutup."),
}


def message_of(push: PushRow, at: datetime) -> dict[str, Any]:
    """The push as FCM HTTP v1 takes it. All data are strings; no text of the chat."""
    title, body = TEXTS[push.type]
    data = {
        "type": push.type,
        "session_id": push.session_id,
        "payment_request_id": push.payment_request_id,
        "message_id": push.message_id,
        "title": title,
        "body": body,
    }
    left = max(0, int((push.expires_at - at).total_seconds()))
    # Several of one kind about one session show as one.
    collapse = f"{push.type}:{push.session_id or push.payment_request_id or push.user_id}"
    return {
        "token": push.fcm_token,
        "notification": {"title": title, "body": body},
        "data": {name: str(value) for name, value in data.items() if value is not None},
        "android": {
            "priority": "HIGH",
            "ttl": f"{left}s",
            "collapse_key": push.type,  # a phone keeps at most four different ones
            "notification": {"channel_id": CHANNEL, "tag": collapse},
        },
        "apns": {
            "headers": {
                "apns-priority": "10",
                "apns-push-type": "alert",
                "apns-expiration": str(int(push.expires_at.timestamp())),
                "apns-collapse-id": collapse[:64],
            },
            "payload": {"aps": {"sound": "default"}},
        },
        "webpush": {"headers": {"TTL": str(left), "Urgency": "high"}},
    }


def after(fate: Fate, push: PushRow, at: datetime, random: Random) -> tuple[str, str, datetime]:
    """What a push becomes: its status, the provider's word, and when it is due again."""
    match fate:
        case Delivered(name):
            return "sent", name, at
        case DeadToken(code):
            return "dead_token", code, at
        case OurMistake(code):
            return "failed", code, at
        case TryLater(code, asked):
            due_at = at + timedelta(seconds=wait(push.attempts, asked, random))
            if due_at >= push.expires_at:
                return "expired", code, at
            if due_at >= push.created_at + RETRY_FOR:
                return "failed", code, at
            return "owed", code, due_at


def wait(attempts: int, asked: float | None, random: Random) -> float:
    """Seconds before the next try: twice as long each time, spread, never less than asked."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** min(attempts, 10))
    return max(asked or 0.0, FIRST_WAIT, random.uniform(longest / 2, longest))
