"""Rude clients: plain blocking sockets that say exactly the bytes they are told to."""

import socket
import struct

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
PATIENCE = 10.0  # seconds until a test gives an answer up


def get(path: str, *headers: bytes, version: bytes = b"1.1") -> bytes:
    lines = [b"GET %s HTTP/%s" % (path.encode(), version), b"Host: x", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def post(path: str, *headers: bytes, body: bytes = b"") -> bytes:
    lines = [b"POST %s HTTP/1.1" % path.encode(), b"Host: x", *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def upgrade(path: str = "/ws", *headers: bytes, wanted: bytes = b"13", key: bytes = KEY) -> bytes:
    return get(
        path,
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: " + key,
        b"Sec-WebSocket-Version: " + wanted,
        *headers,
    )


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: bool = False,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """A client's frame, masked with zeros. `length` may lie."""
    first = (0x80 if fin else 0) | (0x40 if reserved else 0) | opcode
    size = len(payload) if length is None else length
    flag = 0x80 if masked else 0
    if size < 126:
        head = struct.pack("!BB", first, flag | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", first, flag | 126, size)
    else:
        head = struct.pack("!BBQ", first, flag | 127, size)
    return head + (bytes(4) if masked else b"") + payload


def close_frame(code: int, reason: bytes = b"") -> bytes:
    return frame(CLOSE, struct.pack("!H", code) + reason)


class Client:
    """One TCP connection. Every wait gives up after PATIENCE."""

    def __init__(self, port: int, *, receive_buffer: int | None = None) -> None:
        self.sock = socket.socket()
        if receive_buffer is not None:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.connect(("127.0.0.1", port))
        self.sock.settimeout(PATIENCE)
        self.unread = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def send_what_goes(self, data: bytes, times: int = 1, *, patience: float = 0.1) -> None:
        """Send until it is all out, the server is gone, or it takes no more."""
        self.sock.settimeout(patience)
        try:
            for _ in range(times):
                self.sock.sendall(data)
        except OSError:
            pass
        finally:
            self.sock.settimeout(PATIENCE)

    def read(self) -> bytes:
        """Some bytes; b"" at the end, however it came."""
        if self.unread:
            data, self.unread = self.unread, b""
            return data
        try:
            return self.sock.recv(65536)
        except ConnectionResetError:
            return b""

    def read_until(self, mark: bytes) -> bytes:
        """Everything up to and with `mark`; EOFError if the end comes before."""
        data = b""
        while mark not in data:
            more = self.read()
            if not more:
                raise EOFError(data)
            data += more
        head, found, self.unread = data.partition(mark)
        return head + found

    def read_to_the_end(self, *, most: int = 1 << 20) -> bytes:
        """Everything until the server hangs up, or `most` bytes."""
        data = b""
        while len(data) < most:
            more = self.read()
            if not more:
                break
            data += more
        return data

    def read_exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.read()
            if not more:
                raise EOFError(data)
            data += more
        data, self.unread = data[:count], data[count:]
        return data

    def read_frame(self) -> tuple[int, bytes]:
        """Opcode and payload of the server's next frame."""
        first, length = self.read_exactly(2)
        if length == 126:
            length = int.from_bytes(self.read_exactly(2), "big")
        elif length == 127:
            length = int.from_bytes(self.read_exactly(8), "big")
        return first & 0x0F, self.read_exactly(length)

    def read_close(self) -> int:
        """The code of the server's close frame, past whatever comes before it."""
        while True:
            opcode, payload = self.read_frame()
            if opcode == CLOSE:
                return int.from_bytes(payload[:2], "big") if payload else 1005

    def read_status(self) -> int:
        """The status of the next response; its body is read too."""
        head = self.read_until(b"\r\n\r\n")
        status = int(head.split(b" ", 2)[1])
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                self.read_exactly(int(line.partition(b":")[2]))
        return status

    def shake_hands(self, path: str = "/ws", *headers: bytes) -> bytes:
        self.send(upgrade(path, *headers))
        head = self.read_until(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        return head

    def reset(self) -> None:
        """Vanish as a phone does that loses its network state."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()
