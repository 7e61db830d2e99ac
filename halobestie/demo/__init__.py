"""`run.py demo`: both apps as client programs, a play for them, and the check after it.

Knows the server by its contract only: HTTP, sockets, and at the end the rows. `client`
has the apps, `conversation` an app's side of one session, `checker` the judgement, and
`performance` the play.
"""

from .program import main

__all__ = ["main"]
