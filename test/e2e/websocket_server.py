"""A WebSocket server that sends every message back; prints its port when it listens."""

import asyncio

import websockets


async def echo(socket, _path=None):
    # The first message is the server's, so that both directions begin one.
    await socket.send("hello from the server")
    pong = await socket.ping()
    await pong
    async for message in socket:
        await socket.send(message)


async def main():
    async with websockets.serve(echo, "127.0.0.1", 0, max_size=8 << 20) as server:
        print("port", server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


asyncio.run(main())
