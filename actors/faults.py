"""What an exception out of an actor means, and how to speak of it.

Actors may open nurseries, so a failure can arrive as a group, and as one mixed
with the cancellation of the whole system. Three kinds are told apart: what must
leave the task (cancellation, interrupt), "something I need is away", and a crash.
"""

import traceback

from .errors import Unavailable


def split(error: BaseException) -> tuple[Exception | None, BaseException | None]:
    """The part that is the actor's own, and the part that must leave its task."""
    if isinstance(error, Exception):
        return error, None
    if isinstance(error, BaseExceptionGroup):
        return error.split(Exception)
    return None, error


def is_away(error: Exception) -> bool:
    """Whether nothing but `Unavailable` is in it."""
    if isinstance(error, ExceptionGroup):
        return error.split(Unavailable)[1] is None
    return isinstance(error, Unavailable)


def leaf(error: BaseException) -> BaseException:
    """The first single exception of a group; one that is a crash if there is one."""
    while isinstance(error, BaseExceptionGroup):
        error = (error.split(Unavailable)[1] or error).exceptions[0]
    return error


def describe(error: BaseException) -> str:
    """The type of an error and where it was raised.

    Never its text: that may quote what people wrote, or a phone.
    """
    error = leaf(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {frames[-1].filename}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"


def trace(error: BaseException) -> str:
    """The innermost lines of code that led to it, without its text."""
    return "".join(traceback.format_tb(leaf(error).__traceback__)[-6:])
