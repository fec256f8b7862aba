"""A gRPC server for service shop.Shelves of a descriptor set; prints its port when it listens.

grpc_shelves_server.py DESCRIPTOR_SET
"""

import concurrent.futures
import sys

import grpc
from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

pool = descriptor_pool.DescriptorPool()
factory = message_factory.MessageFactory(pool)


def message(name):
    return factory.GetPrototype(pool.FindMessageTypeByName(name))


def not_found(context):
    """Fails with a detail, as google.rpc.Status has it: int32 code = 1, string message = 2, repeated Any details = 3."""
    detail = any_pb2.Any()
    detail.Pack(message("shop.Count")(count=7))
    packed = detail.SerializeToString()
    status = b"\x08\x05\x1a" + bytes([len(packed)]) + packed
    context.set_trailing_metadata((("grpc-status-details-bin", status),))
    context.abort(grpc.StatusCode.NOT_FOUND, 'no "book" at all')


def get_book(request, context):
    if request.id == "missing":
        not_found(context)
    asked = dict(context.invocation_metadata())
    context.send_initial_metadata((("x-head", "h"),))
    return message("shop.Book")(name=request.name or request.id, title=asked.get("x-envoy-original-path", ""))


def list_books(request, context):
    for i in range(request.part):
        yield message("shop.Book")(name=request.name, pages=i + 1)
    if request.full:
        context.abort(grpc.StatusCode.INTERNAL, "lost the rest")


def create_book(request, context):
    request.book.shelf = request.name
    return request.book


def add_books(requests, context):
    return message("shop.Count")(count=sum(book.pages for book in requests))


def chat(requests, context):
    yield from requests


def download(request, context):
    return message("google.api.HttpBody")(content_type="image/png", data=b"\x89PNG" * 50000)


METHODS = {
    "GetBook": (grpc.unary_unary_rpc_method_handler, get_book),
    "ListBooks": (grpc.unary_stream_rpc_method_handler, list_books),
    "CreateBook": (grpc.unary_unary_rpc_method_handler, create_book),
    "AddBooks": (grpc.stream_unary_rpc_method_handler, add_books),
    "Chat": (grpc.stream_stream_rpc_method_handler, chat),
    "Download": (grpc.unary_unary_rpc_method_handler, download),
}


def handlers():
    service = pool.FindServiceByName("shop.Shelves")
    made = {}
    for name, (make, function) in METHODS.items():
        method = service.FindMethodByName(name)
        made[name] = make(
            function,
            request_deserializer=factory.GetPrototype(method.input_type).FromString,
            response_serializer=lambda answer: answer.SerializeToString(),
        )
    return grpc.method_handlers_generic_handler("shop.Shelves", made)


def main():
    with open(sys.argv[1], "rb") as file:
        for proto in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
            pool.Add(proto)
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((handlers(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print("port", port, flush=True)
    server.wait_for_termination()


main()
