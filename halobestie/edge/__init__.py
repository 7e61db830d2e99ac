"""Between TCP and Quart: the hardened connection layer. See listener.py and wire.py."""

from .handshake import take_wire
from .limits import Limits
from .listener import Listener
from .statistics import Statistics
from .transport import PeerGone
from .wire import Wire

__all__ = ["Limits", "Listener", "PeerGone", "Statistics", "Wire", "take_wire"]
