"""Where offers go out: many searches speak to many mitras, and each mitra hears it in one go.

Two hundred searches that each ask five hundred mitras are a hundred thousand words; one by
one, each would wake a presence, a socket and the network. The OfferDesk gathers for a
moment and hands every presence what there is for it, in order. The first word after a
quiet time goes out at once. What a crash loses stands in the rows: every presence that
runs is asked to read its offers again.
"""

from typing import assert_never
from uuid import UUID

from actors import Actor, Kind

from .messages import (
    DeskMessage,
    HandOut,
    HideFrom,
    HideOffer,
    MitraMessage,
    OfferNews,
    RereadOffers,
    ShowOffer,
    ShowTo,
)

GATHER = 0.1  # seconds between two rounds, at least


class OfferDesk(Actor[DeskMessage]):
    """A static service. Delivers to presences at most once, in the order it was told."""

    def __init__(self, mitras: Kind[MitraMessage]) -> None:
        self._mitras = mitras
        self._news: dict[UUID, list[ShowOffer | HideOffer]] = {}
        self._rounds = 0

    async def started(self) -> None:
        self._mitras.tell_all(RereadOffers())

    async def receive(self, message: DeskMessage) -> None:
        match message:
            case ShowTo(mitra_ids, show):
                self._gather(mitra_ids, show)
            case HideFrom(mitra_ids, hide):
                self._gather(mitra_ids, hide)
            case HandOut():
                pass  # the flush does
            case _:
                assert_never(message)

    def _gather(self, mitra_ids: tuple[UUID, ...], word: ShowOffer | HideOffer) -> None:
        news = self._news
        for mitra_id in mitra_ids:
            known = news.get(mitra_id)
            if known is None:
                news[mitra_id] = [word]
            else:
                known.append(word)

    async def flush(self) -> None:
        if not self._news or "hand out" in self.deadlines:
            return
        news, self._news = self._news, {}
        for mitra_id, words in news.items():
            self._mitras.ref(mitra_id).tell(OfferNews(tuple(words)))
        self._rounds += 1
        self.deadlines.after("hand out", GATHER, HandOut())

    def info(self) -> dict[str, object]:
        return {"mitras_waiting": len(self._news), "rounds": self._rounds}
