"""One accepted TCP connection: reads, bounded writes in order, and a way to end it.

Works on the plain non-blocking socket: a write is one `send` system call, and trio is
asked only when the kernel's buffer is full. No wait here outlasts its limit, and
`kill()` breaks all of them, because closing the socket is the only thing that reaches
a task wherever it waits.
"""

import socket

import trio

from .limits import RECEIVE_BYTES, Limits
from .statistics import Counters

_TURN = 64 * 1024  # bytes written without a wait before others get a turn
_NOTHING = memoryview(b"")


class PeerGone(trio.BrokenResourceError):
    """What was to be sent has nobody to go to. The peer's doing, never a bug of the sender."""


class Transport:
    """Owns the socket until `close()` or `kill()`.

    Bytes that were begun and not finished (a full buffer, a cancelled sender) are kept
    in `_rest` and go first with the next write, so that no frame is ever torn.
    """

    __slots__ = ("_counters", "_gate", "_limits", "_rest", "_socket", "_turn", "ended", "remote")

    def __init__(
        self,
        sock: socket.socket,
        remote: tuple[str, int],
        limits: Limits,
        counters: Counters,
    ) -> None:
        self.remote = remote
        self.ended = False  # the peer will send nothing more, or we hung up
        self._socket = sock
        self._limits = limits
        self._counters = counters
        self._rest = _NOTHING
        self._gate: trio.Lock | None = None  # made at the first full buffer
        self._turn = 0

    @property
    def closed(self) -> bool:
        return self._socket.fileno() < 0

    async def receive(self) -> bytes:
        """What came in, at most RECEIVE_BYTES; b"" when no more will come, however it ended."""
        while not self.ended:
            try:
                await trio.lowlevel.wait_readable(self._socket)
                data = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                continue  # woken for nothing
            except (OSError, trio.ClosedResourceError):
                break
            if not data:
                break
            self._counters.bytes_in += len(data)
            return data
        self.ended = True
        return b""

    def peek(self) -> bool | None:
        """Whether input is waiting to be read; None when the peer is gone."""
        try:
            return bool(self._socket.recv(1, socket.MSG_PEEK)) or None
        except BlockingIOError:
            return False
        except OSError:
            return None

    async def send(self, data: bytes) -> None:
        """Write all of `data`, behind everything sent before.

        Raises PeerGone when the peer is gone, or took longer than the
        limit: then the connection is dead, for what was torn cannot be mended. A
        cancelled send is finished by the next one if it had begun.
        """
        if self._idle:
            written = self._write(data)
            if written == len(data):
                self._turn += written
                if self._turn > _TURN:
                    self._turn = 0
                    await trio.lowlevel.checkpoint()
                return
            if written:
                self._rest, data = memoryview(data)[written:], b""
        await self._send_slowly(data)

    def try_send(self, data: bytes) -> bool:
        """Write without waiting, only if nothing is waiting to be written.

        True: all of it has gone, or has begun to go; call `flush()` if `pending`. False:
        none of it. Raises PeerGone as `send` does.
        """
        if not self._idle:
            return False
        written = self._write(data)
        if 0 < written < len(data):
            self._rest = memoryview(data)[written:]
        return written > 0

    @property
    def pending(self) -> bool:
        return len(self._rest) > 0

    async def flush(self) -> None:
        """Write what was begun. Raises as `send` does."""
        await self._send_slowly(b"")

    @property
    def _idle(self) -> bool:
        return not self._rest and (self._gate is None or not self._gate.locked())

    def _write(self, data: bytes | memoryview) -> int:
        try:
            written = self._socket.send(data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise PeerGone("the peer is gone") from error
        self._counters.bytes_out += written
        return written

    async def _send_slowly(self, data: bytes) -> None:
        """Behind the others. Bounded twice: a peer that takes nothing has one limit, one
        that takes a little at a time has it for each 64 KiB."""
        limit = self._limits.send_seconds
        size = len(self._rest) + len(data)
        end = trio.current_time() + limit * (1 + size // _TURN)
        if self._gate is None:
            self._gate = trio.Lock()
        with trio.CancelScope(deadline=end) as patience:
            async with self._gate:
                if data:
                    self._rest = memoryview(bytes(self._rest) + data if self._rest else data)
                while self._rest:
                    patience.deadline = min(end, trio.current_time() + limit)
                    await self._wait_writable()
                    self._rest = self._rest[self._write(self._rest) :]
        if patience.cancelled_caught:
            self._counters.faults["does_not_read"] += 1
            self.kill()
            raise PeerGone("the peer does not read")

    async def _wait_writable(self) -> None:
        if self.closed:
            raise PeerGone("the connection is closed")
        try:
            await trio.lowlevel.wait_writable(self._socket)
        except trio.ClosedResourceError:
            raise PeerGone("the connection was closed") from None

    def shutdown(self) -> None:
        """We will write nothing more; the peer sees the end of our bytes."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended = True  # it is gone already

    async def linger(self) -> None:
        """Read and forget until the peer hangs up or falls silent, so that it gets our last
        bytes: closing over unread input makes the kernel reset the connection."""
        self.shutdown()
        with trio.move_on_after(2 * self._limits.linger_seconds):
            while not self.ended:
                with trio.move_on_after(self._limits.linger_seconds) as silence:
                    await self.receive()
                if silence.cancelled_caught:
                    return

    def kill(self) -> None:
        """Hang up now, whoever is reading or writing. May be called again."""
        self.ended = True
        if not self.closed:
            trio.lowlevel.notify_closing(self._socket)
            self._socket.close()


def accepted(
    sock: socket.socket, remote: tuple[str, int], limits: Limits, counters: Counters
) -> Transport:
    """A transport for a socket that a listener has just accepted."""
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Transport(sock, remote, limits, counters)
