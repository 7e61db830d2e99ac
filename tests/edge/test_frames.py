"""The frame reader alone: its rules, and every byte stream read as wsproto reads it."""

import struct

import pytest
from hypothesis import example, given, seed, settings
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, TextMessage

from halobestie.edge.frames import FrameReader, encode_close, encode_frame, encode_texts, unmask

from .clients import BINARY, CLOSE, PING, PONG, TEXT, close_frame, frame

MOST = 64 * 1024


def reader(most: int = MOST, fragments: int = 1024) -> FrameReader:
    return FrameReader(most, fragments)


def test_messages_come_out_in_order_however_the_bytes_are_cut() -> None:
    stream = b"".join(frame(TEXT, text.encode()) for text in ("", "satu", "dua ✓", "x" * 700))
    for size in (1, 2, 3, 7, 1000):
        it = reader()
        texts = [t for i in range(0, len(stream), size) for t in it.feed(stream[i : i + size])]
        assert texts == ["", "satu", "dua ✓", "x" * 700]
        assert it.fault is None


def test_a_message_may_come_in_pieces_with_pings_between() -> None:
    it = reader()
    assert it.feed(frame(TEXT, "é".encode()[:1], fin=False) + frame(PING, b"a")) == []
    assert it.feed(frame(PING, b"b") + frame(PONG)) == []
    assert it.ping == b"b"  # the newest is enough
    assert it.feed(frame(0, "é".encode()[1:])) == ["é"]


def test_the_size_is_judged_by_the_header_before_anything_is_kept() -> None:
    whole, over = reader(), reader()
    assert len(whole.feed(frame(TEXT, b"x" * MOST))[0]) == MOST
    assert over.feed(frame(TEXT, length=MOST + 1)) == []
    assert over.fault is not None
    assert over.fault.code == 1009


def test_the_pieces_of_a_message_count_together() -> None:
    it = reader(most=10)
    assert it.feed(frame(TEXT, b"x" * 6, fin=False) + frame(PING, b"12345")) == []
    assert it.fault is None
    assert it.feed(frame(0, b"x" * 5)) == []
    assert it.fault is not None
    assert it.fault.kind == "message_too_big"


def test_empty_pieces_without_end_are_too_many() -> None:
    it = reader(fragments=3)
    it.feed(frame(TEXT, fin=False) + frame(0, fin=False))
    assert it.fault is None
    it.feed(frame(0, fin=False))
    assert it.fault is not None
    assert it.fault.kind == "too_many_fragments"


def test_what_came_before_a_fault_is_delivered() -> None:
    it = reader()
    assert it.feed(frame(TEXT, b"good") + frame(7) + frame(TEXT, b"late")) == ["good"]
    assert it.fault is not None
    assert it.feed(frame(TEXT, b"later")) == []


def test_nothing_is_read_behind_a_close_frame() -> None:
    it = reader()
    assert it.feed(frame(TEXT, b"last") + close_frame(4000, b"bye") + frame(7)) == ["last"]
    assert it.closed == 4000
    assert it.fault is None


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535])
def test_codes_that_may_not_travel_are_a_fault(code: int) -> None:
    it = reader()
    it.feed(close_frame(code))
    assert it.closed is None
    assert it.fault is not None
    assert it.fault.code == 1002


def test_a_length_that_could_be_shorter_is_a_fault() -> None:
    for head in (struct.pack("!BBH", 0x81, 0x80 | 126, 5), struct.pack("!BBQ", 0x81, 0xFF, 5)):
        it = reader()
        it.feed(head + bytes(4) + b"hello")
        assert it.fault is not None
        assert it.fault.code == 1002


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536])
def test_the_server_writes_what_a_client_can_read(size: int) -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(encode_texts([b"x" * size]) + encode_texts([b"a", b"b"]))
    texts, gathered = [], ""
    for event in client.events():
        assert isinstance(event, TextMessage)
        gathered += event.data
        if event.message_finished:
            texts.append(gathered)
            gathered = ""
    assert texts == ["x" * size, "a", "b"]


def test_a_long_close_reason_is_cut_at_a_character() -> None:
    client = Connection(ConnectionType.CLIENT)
    client.receive_data(encode_close(1011, "é" * 100))
    [event] = client.events()
    assert isinstance(event, CloseConnection)
    assert (event.code, event.reason) == (1011, "é" * 61)
    assert encode_close(1005) == encode_frame(CLOSE, b"")


@given(st.binary(max_size=300), st.binary(min_size=4, max_size=4))
def test_unmasking_twice_changes_nothing(payload: bytes, mask: bytes) -> None:
    once = unmask(payload, mask)
    assert once == bytes(byte ^ mask[i % 4] for i, byte in enumerate(payload))
    assert unmask(once, mask) == payload


# -- against wsproto


def masked(first: int, payload: bytes, mask: bytes) -> bytes:
    plain = frame(first & 0x0F, payload)
    head = bytearray(plain[: len(plain) - len(payload)])
    head[0] = first
    head[-4:] = mask
    return bytes(head) + unmask(payload, mask)


payloads = st.one_of(
    st.text(max_size=60).map(str.encode),
    st.binary(max_size=200),
    st.builds(lambda n: b"x" * n, st.sampled_from([125, 126, 127, 500])),
    st.builds(
        lambda code, reason: struct.pack("!H", code) + reason.encode(),
        st.sampled_from([1000, 1001, 1006, 1015, 3000, 4401]),
        st.text(max_size=20),
    ),
)
firsts = st.one_of(
    st.sampled_from([0x81, 0x81, 0x81, 0x01, 0x00, 0x80, 0x80, 0x89, 0x8A, 0x88]),
    st.integers(0, 255),
)
frames = st.builds(masked, firsts, payloads, st.binary(min_size=4, max_size=4))


@st.composite
def streams(draw: st.DrawFn) -> tuple[bytes, list[int]]:
    """Frames, a few of their bytes changed, and the places where the network cuts them."""
    data = bytearray(b"".join(draw(st.lists(frames, max_size=8))))
    if data:
        for _ in range(draw(st.integers(0, 2))):
            data[draw(st.integers(0, len(data) - 1))] = draw(st.integers(0, 255))
    cuts = draw(st.lists(st.integers(0, max(0, len(data))), max_size=5))
    return bytes(data), sorted(cuts)


def by_wsproto(data: bytes) -> tuple[list[str], int | None, bool]:
    """Texts, close or fault code, and whether bytes beyond the text frames came (binary)."""
    server = Connection(ConnectionType.SERVER)
    server.receive_data(data)
    texts, gathered = [], ""
    for event in server.events():
        if isinstance(event, TextMessage):
            gathered += event.data
            if event.message_finished:
                texts.append(gathered)
                gathered = ""
        elif isinstance(event, BytesMessage):
            return texts, None, True
        elif isinstance(event, CloseConnection):
            return texts, int(event.code), False
    return texts, None, False


@seed(20260701)
@settings(max_examples=1500, deadline=None, database=None)
@given(streams())
@example((frame(TEXT, b"a") + frame(BINARY, b"b"), [3]))
@example((frame(TEXT, b"\xff", fin=False) + frame(7), []))
def test_every_stream_is_read_as_wsproto_reads_it(stream: tuple[bytes, list[int]]) -> None:
    data, cuts = stream
    it = reader()
    texts: list[str] = []
    for begin, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
        texts += it.feed(data[begin:end])
    expected, code, binary = by_wsproto(data)
    assert texts == expected
    ours = it.fault.code if it.fault is not None else it.closed
    if binary:
        assert ours == 1003
    elif code == 1007:
        # wsproto decodes bytes as they come; we decode the message, so bad text in one
        # that is never finished, or that another fault ends, is not seen.
        assert ours in (1007, 1002, 1003) or it.held
    elif ours == 1009:
        assert code in (None, 1002)  # wsproto has no bound; it objects to the top bit only
    elif ours == 1003:
        assert code is None  # the header is enough for us; wsproto waits for the payload
    else:
        assert ours == code


@seed(20260702)
@settings(max_examples=500, deadline=None, database=None)
@given(st.binary(max_size=400), st.integers(1, 50))
def test_no_bytes_make_the_reader_raise_or_hoard(data: bytes, size: int) -> None:
    it = reader(most=50, fragments=4)
    for begin in range(0, len(data), size):
        it.feed(data[begin : begin + size])
        assert it.held <= 50 + 14 + size
