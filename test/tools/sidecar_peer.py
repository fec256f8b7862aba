"""The two ends of a connection in sidecar_init_test: run as a program in a network namespace.

    sidecar_peer.py serve PORT...     prints "ready", then tells each client: PORT, and where it wanted to go
                                      or "direct"
                                      and from where it came
    sidecar_peer.py dial HOST PORT    prints what the other end said
    sidecar_peer.py dial HOST PORT FROM    the same, from another host's address
"""

import selectors
import socket
import struct
import sys

_SO_ORIGINAL_DST = 80  # also IP6T_SO_ORIGINAL_DST
_IP_TRANSPARENT, _IPV6_TRANSPARENT = 19, 75


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
                destination = _original_destination(connection) or "direct"
                client = connection.getpeername()[0].removeprefix("::ffff:")
                connection.sendall(f"{key.data} {destination} from {client}\n".encode())


def _dial(host, port, source=None):
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as connection:
        connection.settimeout(10)
        if source:
            level, option = (socket.IPPROTO_IPV6, _IPV6_TRANSPARENT) if ":" in host else (socket.SOL_IP, _IP_TRANSPARENT)
            connection.setsockopt(level, option, 1)
            connection.bind((source, 0))
        connection.connect((host, port))
        print(connection.makefile().readline().strip())


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        _serve([int(port) for port in sys.argv[2:]])
    else:
        _dial(sys.argv[2], int(sys.argv[3]), *sys.argv[4:])
