"""Data that must never be seen in a log, a traceback or the actor tree."""

import msgspec


class Quiet(msgspec.Struct, frozen=True):
    """A struct whose repr keeps its fields to itself: tokens, codes, phones, passwords."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(…)"

    def __rich_repr__(self) -> list[str]:  # type: ignore[override]
        return ["…"]
