"""A gRPC-Web client, from the protocol's text alone, that calls weir.test.Echo through a proxy.

usage: grpc_web_client.py PORT calls|dead, prints OK when everything was as it must be.
"""

import base64
import http.client
import struct
import sys

BINARY = "application/grpc-web+proto"
TEXT = "application/grpc-web-text+proto"


def frame(payload):
    return struct.pack(">BI", 0, len(payload)) + payload


class Answer:
    """Reads messages and trailers of one call as they come."""

    def __init__(self, port, method, content_type, body, accept=None):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {"Content-Type": content_type, "X-Grpc-Web": "1", "Accept": accept or content_type}
        self.connection.request("POST", "/weir.test.Echo/" + method, body, headers)
        self.response = self.connection.getresponse()
        self.text = (accept or content_type).startswith("application/grpc-web-text")
        self.raw = b""
        self.bytes = b""
        self.trailers = {}
        expect(self.response.status, 200)
        expect(self.response.getheader("content-type"), accept or content_type)

    def more(self):
        piece = self.response.read1(65536)
        if not self.text:
            self.bytes += piece
            return piece != b""
        self.raw += piece
        whole = len(self.raw) // 4 * 4
        groups = (self.raw[at : at + 4] for at in range(0, whole, 4))
        self.bytes += b"".join(base64.b64decode(group, validate=True) for group in groups)
        self.raw = self.raw[whole:]
        return piece != b""

    def message(self):
        """The next message; None behind the last, when the trailers have been read."""
        while True:
            if len(self.bytes) >= 5:
                flag, length = struct.unpack(">BI", self.bytes[:5])
                if len(self.bytes) >= 5 + length:
                    payload = self.bytes[5 : 5 + length]
                    self.bytes = self.bytes[5 + length :]
                    if flag == 0:
                        return payload
                    expect(flag, 0x80)
                    for line in payload.decode().split("\r\n")[:-1]:
                        name, value = line.split(":", 1)
                        self.trailers[name] = value.strip()
                    expect((self.more(), self.raw, self.bytes), (False, b"", b""))
                    return None
            if not self.more():
                expect((self.raw, self.bytes), (b"", b""))
                return None

    def status(self):
        return self.response.getheader("grpc-status") or self.trailers.get("grpc-status")

    def words(self):
        return self.response.getheader("grpc-message") or self.trailers.get("grpc-message")


def expect(got, wanted):
    if got != wanted:
        raise AssertionError("got %r instead of %r" % (got, wanted))


def encoded(content_type, payload):
    return base64.b64encode(frame(payload)) if content_type == TEXT else frame(payload)


def unary(port, content_type):
    for size in (0, 1, 2, 3, 1000, 300_000):
        payload = bytes(i * 7 % 256 for i in range(size))
        for accept in (BINARY, TEXT):
            answer = Answer(port, "Unary", content_type, encoded(content_type, payload), accept)
            expect(answer.message(), payload)
            expect(answer.message(), None)
            expect(answer.trailers, {"grpc-status": "0", "x-cost": "3"})


def stream(port, content_type):
    answer = Answer(port, "Stream", content_type, encoded(content_type, b"tick"))
    expect(answer.message(), b"tick")
    # It came while the call goes on: only now the server may end it.
    released = Answer(port, "Release", content_type, encoded(content_type, b"go"))
    expect(released.message(), b"go")
    expect([answer.message() for _ in range(4)], [b"0 tick", b"1 tick", b"2 tick", None])
    expect(answer.status(), "0")


def failures(port, content_type):
    answer = Answer(port, "Fail", content_type, encoded(content_type, b""))
    expect(answer.message(), None)
    expect((answer.status(), answer.words()), ("5", "no caf%C3%A9 here"))
    answer = Answer(port, "Nothing", content_type, encoded(content_type, b""))
    expect(answer.message(), None)
    expect(answer.status(), "12")


def malformed(port):
    answer = Answer(port, "Unary", TEXT, b"AAAA####")
    expect(answer.message(), None)
    expect(answer.status(), "13")


def dead(port):
    for content_type in (BINARY, TEXT):
        answer = Answer(port, "Unary", content_type, encoded(content_type, b"x"))
        expect(answer.message(), None)
        expect(answer.status(), "14")


def main():
    port = int(sys.argv[1])
    if sys.argv[2] == "dead":
        dead(port)
    else:
        for content_type in (BINARY, TEXT):
            unary(port, content_type)
            failures(port, content_type)
        malformed(port)
        stream(port, sys.argv[2])
    print("OK")


main()
