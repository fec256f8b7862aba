"""Whether a proxy that was started serves, and does the same work as the others."""

import gzip
import http.client
import re
import socket
import ssl
import subprocess
import time

from . import routes, tls
from .processes import BenchError

ADDED_FIELDS = ("x-forwarded-for", "x-forwarded-proto", "x-request-id")
# What the script of peers.py sets on requests, and what it puts behind the body of responses.
SCRIPT_FIELD = "x-tag"
SCRIPT_MARK = "!"


class OtherWork(BenchError):
    """It serves, but not as the others do: waiting does not help."""


def wait_until_serving(proxy, adds_fields):
    probe = {
        "http": _http,
        "lua-headers": _http,
        "lua-body": _http,
        "plugin": _http,
        "filters-5": _http,
        "filters-10": _http,
        "routes-10": _of_a_host,
        "routes-10000": _of_a_host,
        "gzip": _gzipped,
        "cache": _cached,
        "tls": _https,
        "h2c": _http2,
        "h2": _https2,
        "h2c-to-h2": _http2,
        "h2-to-h2": _https2,
        "tcp": _http,
        "udp": _udp,
    }[proxy.scenario]
    deadline = time.monotonic() + 10
    while True:
        if not proxy.process.running():
            raise BenchError(f"{proxy.name} ended at start: {' '.join(proxy.process.command)}{proxy.process.log_tail()}")
        try:
            seen = probe(proxy.port)
            break
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > deadline:
                raise BenchError(f"{proxy.name} does not answer: {error}{proxy.process.log_tail()}") from None
            time.sleep(0.02)
    if adds_fields and proxy.scenario not in ("tcp", "udp"):
        _require_fields(proxy, seen.lower())
    if proxy.scenario == "lua-body" and not seen.endswith(SCRIPT_MARK):
        raise OtherWork(f"{proxy.name} does less than the others: its script leaves bodies as they are")


def _require_fields(proxy, head):
    names = (*ADDED_FIELDS, SCRIPT_FIELD) if proxy.scenario == "lua-headers" else ADDED_FIELDS
    missing = [name for name in names if not re.search(rf"\r\n{name}: \S", head)]
    if missing:
        raise OtherWork(f"{proxy.name} does less than the others: it adds no {', '.join(missing)}:\n{head}")


def _http(port):
    return _echo(http.client.HTTPConnection("127.0.0.1", port, timeout=2))


def _of_a_host(port):
    """Serves a host of routes.py, by the last of its routes."""
    return _echo(http.client.HTTPConnection("127.0.0.1", port, timeout=2), headers={"Host": routes.host(9)})


def _gzipped(port):
    """Compresses where it may."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/text", headers={"Accept-Encoding": "gzip"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        if answer.getheader("Content-Encoding") != "gzip" or len(gzip.decompress(body)) != 64 * 1024:
            raise OtherWork("it does less than the others: it does not compress")
    finally:
        connection.close()
    return _http(port)


def _cached(port):
    """Answers the second request for the same without the origin, which says when it made an answer."""
    made = []
    for pause in (0, 1.1):
        time.sleep(pause)
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        try:
            connection.request("GET", "/cacheable")
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                raise http.client.HTTPException(f"status {answer.status}")
            made.append(answer.getheader("X-Made"))
        finally:
            connection.close()
    if made[0] is None or made[0] != made[1]:
        raise OtherWork("it does less than the others: it does not answer from its cache")
    return _http(port)


def _https(port):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return _echo(http.client.HTTPSConnection("localhost", port, timeout=2, context=context), _require_suite)


def _require_suite(sock):
    if (sock.version(), sock.cipher()[0]) != (tls.VERSION, tls.SUITE):
        raise OtherWork(f"it uses {sock.cipher()[0]} of {sock.version()}, the others {tls.SUITE} of {tls.VERSION}")


def _echo(connection, check=lambda sock: None, headers=None):
    try:
        connection.connect()
        check(connection.sock)
        connection.request("GET", "/echo", headers=headers or {})
        answer = connection.getresponse()
        if answer.status != 200:
            raise http.client.HTTPException(f"status {answer.status}")
        return answer.read().decode()
    finally:
        connection.close()


def _http2(port):
    return _curl("--http2-prior-knowledge", f"http://127.0.0.1:{port}/echo")


def _https2(port):
    return _curl("--http2", "--insecure", f"https://127.0.0.1:{port}/echo")


def _curl(*arguments):
    command = ["curl", "--silent", "--show-error", "--fail", "--max-time", "2", "--write-out", "%{http_version}"]
    done = subprocess.run([*command, *arguments], capture_output=True, timeout=10, check=False)
    if done.returncode != 0:
        raise OSError(done.stderr.decode().strip())
    answer = done.stdout.decode()  # with its line ends as they are
    if not answer.endswith("2"):
        raise OtherWork(f"it does not speak HTTP/2: {answer}")
    return answer


def _udp(port):
    message = b"are you there?"
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        sock.settimeout(0.5)
        sock.connect(("127.0.0.1", port))
        sock.send(message)
        if sock.recv(2048) != message:
            raise OSError("it does not send back what it got")
    return ""
