"""Who is calling: what an access token says, and nothing that needs a database."""

from typing import Literal
from uuid import UUID

import msgspec

UserType = Literal["customer", "mitra", "cc_user"]
Role = Literal["admin", "operator"]


class Caller(msgspec.Struct, frozen=True):
    """The bearer of a valid access token. `role` is set for control-center users only."""

    id: UUID
    user_type: UserType
    session_id: UUID  # the auth session, not a chat session
    role: Role | None = None
