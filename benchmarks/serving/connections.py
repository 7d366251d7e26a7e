"""Connections that carry one request at a time, in the wire format of gRPC or HTTP.

A client library costs several times the CPU time of these few bytes, on cores that the server needs
too. Not supported: answers spread over several messages, and flow control, whose limits one small
request at a time does not reach (HTTP/2: RFC 9113, HPACK: RFC 7541, gRPC over HTTP/2).
"""

import socket
import struct
from typing import Protocol

_FRAME = struct.Struct(">BHBBI")  # length (24 bits in two fields), type, flags, stream
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _ACK, _END_HEADERS = 1, 1, 4


class Connection(Protocol):
    """Send a request, then receive until the answer is complete."""

    socket: socket.socket

    def ask(self, body: bytes) -> None:
        """Send one request."""

    def receive(self) -> bytes | None:
        """Read what has arrived; the answer's body, or None while it is incomplete.

        Raises:
            ConnectionError: the server refused the request, or closed the connection.
        """


def connect(address: str) -> socket.socket:
    """An open connection to ``host:port``; small messages are sent at once."""
    host, _, port = address.rpartition(":")
    opened = socket.create_connection((host, int(port)))
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


class Http:
    """HTTP/1.1, kept alive. Bodies follow KServe's inference protocol, in JSON."""

    def __init__(self, address: str, model: str) -> None:
        self.socket = connect(address)
        self._head = (
            f"POST /v2/models/{model}/infer HTTP/1.1\r\nHost: {address}\r\n"
            "Content-Type: application/json\r\nContent-Length: "
        ).encode()
        self._arrived = b""

    def ask(self, body: bytes) -> None:
        self.socket.sendall(self._head + str(len(body)).encode() + b"\r\n\r\n" + body)

    def receive(self) -> bytes | None:
        self._arrived += _read(self.socket)
        head, end, body = self._arrived.partition(b"\r\n\r\n")
        if not end:
            return None
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(body) < length:
            return None
        self._arrived = b""
        if b" 200 " not in head[:16]:
            raise ConnectionError(f"expected status 200, got {head[:40]!r}: {body[:500]!r}")
        return body


class Grpc:
    """HTTP/2 with one ``ModelInfer`` call per stream. Bodies are its serialised messages."""

    def __init__(self, address: str) -> None:
        self.socket = connect(address)
        wide = (1 << 31) - 1
        self.socket.sendall(
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
            + _frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, wide))
            + _frame(8, 0, 0, struct.pack(">I", wide - 65535))  # the connection's window
        )
        names = (b":authority", b":path", b"content-type", b"te")
        path = b"/inference.GRPCInferenceService/ModelInfer"
        values = (address.encode(), path, b"application/grpc", b"trailers")
        fields = zip(names, values, strict=True)
        # POST and http are in HPACK's static table. The first request adds the other fields to the
        # dynamic table, the newest at index 62; later ones send their indices, as every client does.
        self._fields = b"\x83\x86" + b"".join(
            b"\x40" + bytes([len(name)]) + name + bytes([len(value)]) + value
            for name, value in fields
        )
        self._stream = -1
        self._arrived = b""
        self._message = b""

    def ask(self, body: bytes) -> None:
        self._stream += 2
        message = struct.pack(">BI", 0, len(body)) + body
        self.socket.sendall(
            _frame(_HEADERS, _END_HEADERS, self._stream, self._fields)
            + _frame(_DATA, _END_STREAM, self._stream, message)
        )
        self._fields = b"\x83\x86\xc1\xc0\xbf\xbe"
        self._message = b""

    def receive(self) -> bytes | None:
        self._arrived += _read(self.socket)
        start, ended = 0, False
        while len(self._arrived) - start >= _FRAME.size:
            high, low, kind, flags, stream = _FRAME.unpack_from(self._arrived, start)
            end = start + _FRAME.size + (high << 16 | low)
            if end > len(self._arrived):
                break
            payload = self._arrived[start + _FRAME.size : end]
            start = end
            if kind == _DATA:
                self._message += payload
            elif kind == _HEADERS:
                ended = ended or bool(flags & _END_STREAM and stream == self._stream)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                answer = payload if kind == _PING else b""
                self.socket.sendall(_frame(kind, _ACK, 0, answer))
            elif kind in (_RESET, _GOAWAY):
                raise ConnectionError(f"expected an answer, got an aborted call: {payload!r}")
        self._arrived = self._arrived[start:]
        if not ended:
            return None
        if not self._message:  # a call that fails ends without a message
            raise ConnectionError("expected an answer, got a failed call; see the server's log")
        return self._message[5:]


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return _FRAME.pack(length >> 16, length & 0xFFFF, kind, flags, stream) + payload


def _read(opened: socket.socket) -> bytes:
    arrived = opened.recv(1 << 16)
    if not arrived:
        raise ConnectionError("expected an answer, got a closed connection")
    return arrived
