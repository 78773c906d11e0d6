"""A TCP proxy that can be told to misbehave. Each link of a cluster (a worker to a coordinator, a worker to another) goes
through one of its own.

Modes: `pass`; `delay` (every chunk waits); `stall`, `stall_up`, `stall_down` (bytes stay unread in both or one direction,
connections stay open: a silent partition); `lose_down` (what the server answers is thrown away, and when the mode ends
its connections are reset: lost responses); `reset` (connections are reset, new ones too); `half_close` (the client hears
an end of stream, the server doesn't).
"""

import asyncio
import socket
import struct
import threading

MODES = ["delay", "stall", "stall_up", "stall_down", "lose_down", "reset", "half_close"]
DELAY_S = 0.3
CHUNK = 64 * 1024


class Connection:
    def __init__(self, client, server):
        self.client, self.server = client, server
        self.lost = False

    def reset(self):
        for writer in (self.client[1], self.server[1]):
            sock = writer.get_extra_info("socket")
            if sock is not None:
                try:
                    # Linger 0: closing sends RST.
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                except OSError:
                    pass  # Closed meanwhile.
            writer.transport.abort()


class Proxy:
    """Listens from the constructor on. Calls are for one thread; the traffic has its own."""

    def __init__(self, target, host="127.0.0.1"):
        self._target = target
        self._loop = asyncio.new_event_loop()
        self._mode = "pass"
        self._connections = set()
        self._listener = socket.create_server((host, 0))
        self.address = f"{host}:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve, name=f"proxy {self.address}", daemon=True)
        self._thread.start()

    def set_mode(self, mode):
        assert mode == "pass" or mode in MODES
        asyncio.run_coroutine_threadsafe(self._set_mode(mode), self._loop).result(10)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _serve(self):
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._accept, sock=self._listener))
        self._changed = asyncio.Event()
        try:
            self._loop.run_forever()
        finally:
            for connection in list(self._connections):
                connection.reset()
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0.05))
            self._listener.close()
            self._loop.close()

    async def _set_mode(self, mode):
        for connection in list(self._connections):
            if mode == "reset" or connection.lost:
                connection.reset()
            elif mode == "half_close":
                try:
                    connection.client[1].write_eof()
                except (OSError, RuntimeError):
                    pass  # Closed meanwhile.
        self._mode = mode
        self._changed.set()
        self._changed = asyncio.Event()

    async def _accept(self, reader, writer):
        try:
            while self._mode == "stall":
                await self._changed.wait()
            if self._mode == "reset":
                return Connection((reader, writer), (reader, writer)).reset()
            host, port = self._target.rsplit(":", 1)
            try:
                server = await asyncio.open_connection(host, int(port))
            except OSError:
                return writer.transport.abort()
            connection = Connection((reader, writer), server)
            self._connections.add(connection)
            try:
                await asyncio.gather(self._pump(connection, reader, server[1], "stall_up"),
                                     self._pump(connection, server[0], writer, "stall_down"))
            finally:
                self._connections.discard(connection)
                server[1].close()
        except (OSError, RuntimeError, asyncio.CancelledError):
            pass  # One side went away, or was told that it did, or we go.
        finally:
            writer.close()

    async def _pump(self, connection, reader, writer, stalled_by):
        while data := await reader.read(CHUNK):
            while self._mode in ("stall", stalled_by):
                await self._changed.wait()
            if self._mode == "delay":
                await asyncio.sleep(DELAY_S)
            if self._mode == "lose_down" and stalled_by == "stall_down":
                connection.lost = True
            if connection.lost and stalled_by == "stall_down":
                continue
            writer.write(data)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()
