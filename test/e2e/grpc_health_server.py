"""A gRPC server of generic handlers: an echo service and grpc.health.v1, whose answers the echo service sets.

Prints its port when it listens. With a certificate and its key as arguments, it speaks TLS.
"""

import sys
import threading
from concurrent import futures

import grpc

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)


class Health:
    def __init__(self):
        self.changed = threading.Condition()
        self.states = {"": SERVING}

    def set(self, service, state):
        with self.changed:
            self.states[service] = state
            self.changed.notify_all()

    @staticmethod
    def service_of(request):
        # HealthCheckRequest: field 1, a string of less than 128 bytes; absent when empty.
        return request[2:].decode() if request else ""

    @staticmethod
    def response(state):
        # HealthCheckResponse: field 1, an enum.
        return bytes([0x08, state]) if state else b""

    def check(self, request, context):
        state = self.states.get(self.service_of(request))
        if state is None:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return self.response(state)

    def watch(self, request, context):
        service, last = self.service_of(request), None
        context.add_callback(self.wake)
        while context.is_active():
            with self.changed:
                state = self.states.get(service, SERVICE_UNKNOWN)
                if state == last:
                    self.changed.wait()
                    continue
            last = state
            yield self.response(state)

    def wake(self):
        with self.changed:
            self.changed.notify_all()


HEALTH = Health()


def ask(request, context):
    """Unary: the request backwards, with what came as metadata."""
    context.send_initial_metadata([(name, value) for name, value in context.invocation_metadata() if name == "x-id"])
    context.set_trailing_metadata((("x-length", str(len(request))), ("x-raw-bin", bytes(range(256)))))
    return request[::-1]


def set_health(request, _context):
    """Unary: "service=number" sets a state."""
    service, state = request.decode().split("=")
    HEALTH.set(service, int(state))
    return b""


def talk(requests, context):
    """Bidirectional: every message comes back."""
    context.send_initial_metadata((("x-hello", "there"),))
    for request in requests:
        yield request


def count(request, _context):
    """Server streaming: that many messages of 1000 bytes."""
    for number in range(int(request)):
        yield str(number).ljust(1000).encode()


def fail(request, context):
    """Unary: NOT_FOUND with the request as the message."""
    context.abort(grpc.StatusCode.NOT_FOUND, request.decode())


def hang(_request, context):
    """Unary: answers when the client has gone."""
    gone = threading.Event()
    context.add_callback(gone.set)
    gone.wait()
    HEALTH.set("client-gone", SERVING)
    return b""


def unary(function):
    return grpc.unary_unary_rpc_method_handler(function)


def main():
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=16))
    server.add_generic_rpc_handlers(
        (
            grpc.method_handlers_generic_handler(
                "test.Echo",
                {
                    "Ask": unary(ask),
                    "SetHealth": unary(set_health),
                    "Fail": unary(fail),
                    "Hang": unary(hang),
                    "Talk": grpc.stream_stream_rpc_method_handler(talk),
                    "Count": grpc.unary_stream_rpc_method_handler(count),
                },
            ),
            grpc.method_handlers_generic_handler(
                "grpc.health.v1.Health",
                {
                    "Check": unary(HEALTH.check),
                    "Watch": grpc.unary_stream_rpc_method_handler(HEALTH.watch),
                },
            ),
        )
    )
    if len(sys.argv) > 2:
        with open(sys.argv[1], "rb") as certificate, open(sys.argv[2], "rb") as key:
            credentials = grpc.ssl_server_credentials(((key.read(), certificate.read()),))
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("port", port, flush=True)
    server.wait_for_termination()


main()
