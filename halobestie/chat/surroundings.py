"""Whom every session deals with."""

from collections.abc import Callable
from dataclasses import dataclass

from actors import Kind, Ref
from halobestie.knobs.messages import CurrentKnobs
from halobestie.payments.messages import StatusChange
from halobestie.presence.messages import CustomerMessage, MitraMessage, Present

from .frames import SessionFrames
from .history import Transcripts
from .messages import OweMessages, Write
from .store import SessionStore
from .told import AllTold


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Whom every session deals with; one for all of them."""

    store: SessionStore
    transcripts: Transcripts
    journal: Ref[Write]
    herald: Ref[OweMessages]
    frames: SessionFrames
    knobs: CurrentKnobs
    board: Present
    mitras: Kind[MitraMessage]
    customers: Kind[CustomerMessage]
    announce_status: Callable[[StatusChange], None]
    told: AllTold
