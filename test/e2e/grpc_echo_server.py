"""A gRPC server whose messages are bytes: weir.test.Echo. Prints its port when it listens."""

import concurrent.futures
import threading

import grpc

released = threading.Event()


def unary(request, context):
    """Sends the message back."""
    context.set_trailing_metadata((("x-cost", "3"),))
    return request


def stream(request, _context):
    """Sends the message back, waits for a call of Release, then sends it three times more."""
    released.clear()
    yield request
    released.wait(20)
    for number in range(3):
        yield b"%d " % number + request


def release(request, _context):
    released.set()
    return request


def fail(_request, context):
    context.abort(grpc.StatusCode.NOT_FOUND, "no caf\u00e9 here")


def main():
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
    methods = {
        "Unary": grpc.unary_unary_rpc_method_handler(unary),
        "Stream": grpc.unary_stream_rpc_method_handler(stream),
        "Release": grpc.unary_unary_rpc_method_handler(release),
        "Fail": grpc.unary_unary_rpc_method_handler(fail),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("weir.test.Echo", methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("port", port, flush=True)
    server.wait_for_termination()


main()
