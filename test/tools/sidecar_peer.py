"""The two ends of a connection in sidecar_init_test: run as a program in a network namespace.

    sidecar_peer.py serve PORT...     prints "ready", then tells each client: PORT, and where it wanted to go
                                      or "direct"
    sidecar_peer.py dial HOST PORT    prints what the other end said
"""

import selectors
import socket
import struct
import sys

_SO_ORIGINAL_DST = 80  # also IP6T_SO_ORIGINAL_DST


def _text(host, port):
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _original_destination(connection):
    """As text; None for a connection that was not redirected."""
    local, port = connection.getsockname()[:2]
    local = local.removeprefix("::ffff:")
    try:
        if ":" in local:
            raw = connection.getsockopt(socket.IPPROTO_IPV6, _SO_ORIGINAL_DST, 28)
            host = socket.inet_ntop(socket.AF_INET6, raw[8:24])
        else:
            raw = connection.getsockopt(socket.SOL_IP, _SO_ORIGINAL_DST, 16)
            host = socket.inet_ntop(socket.AF_INET, raw[4:8])
    except OSError:
        return None  # The kernel does not track it.
    original = _text(host, struct.unpack("!H", raw[2:4])[0])
    return None if original == _text(local, port) else original


def _serve(ports):
    selector = selectors.DefaultSelector()
    for port in ports:
        # Both IP versions on one socket.
        listening = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
        selector.register(listening, selectors.EVENT_READ, port)
    print("ready", flush=True)
    while True:
        for key, _ in selector.select():
            connection, _ = key.fileobj.accept()
            with connection:
                connection.sendall(f"{key.data} {_original_destination(connection) or 'direct'}\n".encode())


def _dial(host, port):
    with socket.create_connection((host, port), timeout=10) as connection:
        print(connection.makefile().readline().strip())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve([int(port) for port in sys.argv[2:]])
    else:
        _dial(sys.argv[2], int(sys.argv[3]))
