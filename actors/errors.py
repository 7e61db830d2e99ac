"""What can go wrong between a sender and an actor.

Everything here reaches the caller of ``ask``. ``tell`` raises only
:class:`MailboxFull`; a message told to an actor that is gone, away or
quarantined becomes a dead letter instead.
"""


class ActorError(Exception):
    """The message was not answered. The state of the actor is whole all the same."""


class MailboxFull(ActorError):
    """The mailbox holds as many messages as it may: slow down and try again."""


class ActorCrashed(ActorError):
    """The actor raised while it handled this message; the message is not retried."""


class ActorStopped(ActorError):
    """The actor is gone, or went before it came to this message."""


class AskTimeout(ActorError):
    """No answer within the time-out. The message may still be handled later."""


class Quarantined(ActorError):
    """The actor crashed too often and is kept from starting for a while."""


class Unavailable(ActorError):
    """What the actor needs (its database, say) is away; nothing was decided.

    Raised inside an actor it is no crash: the asker is told, and the actor is
    started again, reading itself back, until it can.
    """


class CrashRequested(Exception):
    """An operator or a test asked for this crash."""


class ServiceFailed(Exception):
    """A static service kept crashing. Leaves `open_system` (in an exception group, as
    everything that leaves a nursery), so that the process ends."""
