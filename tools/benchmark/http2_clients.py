"""HTTP/2 clients that stay (see idle_clients.py), frame by frame: one library less to depend on."""

import struct
from dataclasses import dataclass

from .idle_clients import receive_some
from .processes import BenchError

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY = 0, 1, 3, 4, 6, 7
_ACK = _END_STREAM = 1
_END_HEADERS = 4
# RFC 7541 appendix A
_METHOD_GET, _METHOD_POST, _SCHEME_HTTP, _AUTHORITY, _PATH = 0x82, 0x83, 0x86, 0x01, 0x04


@dataclass(frozen=True)
class Http2Connections:
    """A connection that has had one answer."""

    per_connection = 1

    def send(self, sock, path, port):
        sock.sendall(_PREFACE + _frame(_SETTINGS) + _request(1, _METHOD_GET, path, port, _END_STREAM))

    def receive(self, sock):
        for kind, flags, stream in _frames(sock):
            if stream == 1 and kind in (_DATA, _HEADERS) and flags & _END_STREAM:
                return


@dataclass(frozen=True)
class Http2Streams:
    """Requests whose heads came and whose bodies do not: `per_connection` on each connection."""

    per_connection: int

    def send(self, sock, path, port):
        streams = range(1, 2 * self.per_connection, 2)
        requests = b"".join(_request(stream, _METHOD_POST, path, port, 0) for stream in streams)
        sock.sendall(_PREFACE + _frame(_SETTINGS) + requests + _frame(_PING, payload=b"all read"))

    def receive(self, sock):
        for kind, flags, _ in _frames(sock):
            if kind == _PING and flags & _ACK:
                return


def _frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _request(stream, method, path, port, flags):
    block = bytes([method, _SCHEME_HTTP])
    for name, value in ((_PATH, path), (_AUTHORITY, f"127.0.0.1:{port}")):
        block += bytes([name, len(value)]) + value.encode()
    return _frame(_HEADERS, flags | _END_HEADERS, stream, block)


def _frames(sock):
    """What comes, one after the other; SETTINGS are acknowledged on the way."""
    received = b""
    while True:
        while len(received) >= 9:
            size = int.from_bytes(received[:3], "big")
            if len(received) < 9 + size:
                break
            kind, flags, stream = struct.unpack(">BBI", received[3:9])
            received = received[9 + size :]
            if kind in (_RST_STREAM, _GOAWAY):
                raise BenchError("a client that should idle was sent away")
            if kind == _SETTINGS and not flags & _ACK:
                sock.sendall(_frame(_SETTINGS, _ACK))
            yield kind, flags, stream
        received += receive_some(sock)
