"""Clients that stay: what a proxy keeps in memory for each."""

import socket
import time
from dataclasses import dataclass, field

from .loads import Sample
from .processes import BenchError, settled_resident_bytes


class Http1Client:
    """A keep-alive connection that has had one answer."""

    per_connection = 1

    def send(self, sock, path, port):
        sock.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\n\r\n".encode())

    def receive(self, sock):
        received = b""
        while True:
            head, found, body = received.partition(b"\r\n\r\n")
            if found:
                length = next(
                    int(line.split(b":")[1]) for line in head.splitlines() if line.lower().startswith(b"content-length:")
                )
                if not head.startswith(b"HTTP/1.1 200 "):
                    raise BenchError(f"an idle client was answered with {head.splitlines()[0].decode()}")
                if len(body) >= length:
                    return
            received += receive_some(sock)


def receive_some(sock):
    more = sock.recv(65536)
    if not more:
        raise BenchError("a connection that should idle was closed")
    return more


@dataclass(frozen=True)
class IdleClientsLoad:
    """Keeps clients connected, as `protocol` makes them; the value is resident bytes for each.

    Growth is counted from the state after `warm_up` clients, so that code, pools and whatever else is
    there once for all are not in it. Clients come from several loopback addresses, so that their ports
    suffice, and in batches of 50 connections at once.
    """

    path: str
    clients: int
    warm_up: int
    batch: int = 50
    protocol: object = field(default_factory=Http1Client)

    def run(self, bench, proxy):
        each = self.protocol.per_connection
        clients = min(self.clients, bench.max_clients * each)
        open_sockets = []
        try:
            self._open(open_sockets, self.warm_up // each, proxy.port)
            before = settled_resident_bytes(proxy.process)
            begin = time.monotonic()
            self._open(open_sockets, (clients - self.warm_up) // each, proxy.port)
            seconds = time.monotonic() - begin
            after = settled_resident_bytes(proxy.process)
            _require_all_open(open_sockets, proxy)
        finally:
            for sock in open_sockets:
                sock.close()
        return Sample(
            value=(after - before) / (clients - self.warm_up),
            details={
                "clients": clients,
                "resident_bytes_before": before,
                "resident_bytes_after": after,
                "opened_per_second": (clients - self.warm_up) / seconds,
            },
        )

    def _open(self, open_sockets, count, port):
        while count > 0:
            batch = min(self.batch, count)
            count -= batch
            fresh = []
            for _ in range(batch):
                source = f"127.0.1.{1 + len(open_sockets) // 10_000}"
                fresh.append(_connect_from(source, port))
                open_sockets.append(fresh[-1])
            for sock in fresh:
                self.protocol.send(sock, self.path, port)
            for sock in fresh:
                self.protocol.receive(sock)


def _connect_from(source, port):
    """Leaves the choice of the port to connect(2), which may share one between several targets."""
    ip_bind_address_no_port = 24  # linux/in.h; Python has no name for it
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.settimeout(10)
    sock.setsockopt(socket.IPPROTO_IP, ip_bind_address_no_port, 1)
    sock.bind((source, 0))
    sock.connect(("127.0.0.1", port))
    return sock


def _require_all_open(sockets, proxy):
    for sock in sockets:
        sock.setblocking(False)
        try:
            if sock.recv(1, socket.MSG_PEEK) == b"":
                raise BenchError(f"{proxy.name} closed a client that should idle{proxy.process.log_tail()}")
        except BlockingIOError:
            continue
