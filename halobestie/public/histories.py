"""Past sessions over HTTP, and what the customer thought of them."""

from typing import Annotated
from uuid import UUID

import msgspec
from quart.wrappers import Response

from halobestie.chat.history import CustomerPast, MitraPast, Rating
from halobestie.web import Area, CursorPage, house, ok, signed_in

from .refusals import refuse

client = Area("/api/client", users=("customer",))
mitra = Area("/api/mitra", users=("mitra",))
areas = (client, mitra)


class CustomerHistory(msgspec.Struct, frozen=True):
    """One page, newest first. The next begins at `next_cursor`."""

    rows: tuple[CustomerPast, ...]
    next_cursor: UUID | None


class MitraHistory(msgspec.Struct, frozen=True):
    """One page, newest first. The next begins at `next_cursor`."""

    rows: tuple[MitraPast, ...]
    next_cursor: UUID | None


class NewRating(msgspec.Struct, frozen=True):
    """How it was."""

    stars: Annotated[int, msgspec.Meta(ge=1, le=5)]
    comment: Annotated[str, msgspec.Meta(max_length=1000)] | None = None

    def __repr__(self) -> str:
        return f"NewRating(stars={self.stars})"


class Rated(msgspec.Struct, frozen=True):
    """Thank you."""

    session_id: UUID
    rating: Rating


@client.get("/chat-sessions", answers={200: CustomerHistory})
async def customer_history(query: CursorPage) -> Response:
    """The caller's sessions, newest first."""
    rows = await house().histories.of_customer(signed_in().id, query.cursor, query.limit + 1)
    page = tuple(rows[: query.limit])
    return ok(CustomerHistory(page, page[-1].id if len(rows) > query.limit else None))


@mitra.get("/chat-sessions", answers={200: MitraHistory})
async def mitra_history(query: CursorPage) -> Response:
    """The caller's sessions, newest first."""
    rows = await house().histories.of_mitra(signed_in().id, query.cursor, query.limit + 1)
    page = tuple(rows[: query.limit])
    return ok(MitraHistory(page, page[-1].id if len(rows) > query.limit else None))


@client.post(
    "/chat-sessions/<uuid:session_id>/rating",
    answers={200: Rated},
    refuses=("404 not_found", "409 already_rated", "409 session_not_completed"),
)
async def rate(session_id: UUID, body: NewRating) -> Response:
    """Rate a session, once, after it is over."""
    home, rating = house(), Rating(body.stars, body.comment)
    refusal = await home.histories.rate(session_id, signed_in().id, rating, home.clock.now())
    if refusal is not None:
        refuse(refusal)
    return ok(Rated(session_id, rating))
