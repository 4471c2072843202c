# SPDX-License-Identifier: Apache-2.0
"""What a viewer asks for: screens of 256-pixel tiles, one after the other, over 16 connections.

A visitor starts at the overview, zooms in step by step, pans at full resolution and at half of it, and comes back. A visitor never asks
for a tile twice (the browser keeps it); the next visitor starts anew, and meets in part what the last one has seen.
A screen begins when the one before is complete, and its tiles are asked for all at once.
"""
import asyncio
import random
import time

TILE = 256
SCREEN = (1280, 800)


def screen_tiles(width, height, level, cx, cy):
    """Tiles of the screen whose centre is (cx, cy), fractions of the image, at a reduction of 2**level."""
    w, h = (width + (1 << level) - 1) >> level, (height + (1 << level) - 1) >> level
    left, top = (int(max(0, min(n - s, n * c - s / 2))) for n, s, c in ((w, SCREEN[0], cx), (h, SCREEN[1], cy)))
    right, bottom = min(w, left + SCREEN[0]), min(h, top + SCREEN[1])
    return [(level, tx, ty) for ty in range(top // TILE, (bottom - 1) // TILE + 1)
            for tx in range(left // TILE, (right - 1) // TILE + 1)]


def visitor(width, height, chance):
    """Screens, each a list of tiles not seen before."""
    top = 0
    while max(width >> top, height >> top) > 1024:
        top += 1
    cx, cy = chance.uniform(0.3, 0.7), chance.uniform(0.3, 0.7)
    stops = [(level, cx, cy) for level in range(top, -1, -1)]
    for level, steps in ((0, 5), (1, 4)):
        for _ in range(steps):
            cx = min(0.95, max(0.05, cx + chance.uniform(-1, 1) * (900 << level) / width))
            cy = min(0.95, max(0.05, cy + chance.uniform(-1, 1) * (600 << level) / height))
            stops.append((level, cx, cy))
    stops += [(level, cx, cy) for level in range(1, top)]
    seen = set()
    for stop in stops:
        tiles = [tile for tile in screen_tiles(width, height, *stop) if tile not in seen]
        seen.update(tiles)
        if tiles:
            yield tiles


def screens(width, height, count, seed=1):
    """Screens of several visitors that make up `count` tiles."""
    chance, out, left = random.Random(seed), [], count
    while left > 0:
        for tiles in visitor(width, height, chance):
            out.append(tiles[:left])
            left -= len(out[-1])
            if left == 0:
                break
    return out


def parameters(width, height, tile):
    """The IIIF request of a tile, as Image 3.0 §5.4 has it."""
    level, tx, ty = tile
    x, y = tx * TILE << level, ty * TILE << level
    w, h = min(TILE << level, width - x), min(TILE << level, height - y)
    return "%d,%d,%d,%d/%d,%d/0/default.jpg" % (x, y, w, h, -(-w >> level), -(-h >> level))


class Connection:
    def __init__(self, port):
        self.port, self.reader, self.writer = port, None, None

    async def get(self, path):
        """Status; the connection is kept as long as the server keeps it, which it may end between two requests (RFC 9112 §9.5)."""
        kept = self.writer is not None
        try:
            return await self._get(path)
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if not kept or getattr(error, "partial", b""):
                raise
            self.close()
            return await self._get(path)

    async def _get(self, path):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)
        self.writer.write(b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n" % path.encode())
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        if "content-length:" in head:
            await self.reader.readexactly(int(head.split("content-length:")[1].split("\r\n")[0]))
        else:
            while True:
                size = int((await self.reader.readline()).split(b";")[0], 16)
                await self.reader.readexactly(size + 2)
                if size == 0:
                    break
        if "connection: close" in head:
            self.close()
        return int(head.split(" ", 2)[1])

    def close(self):
        if self.writer is not None:
            self.writer.close()
            self.writer = None


async def _one(connections, path, times, bad):
    connection = await connections.get()
    started = time.monotonic()
    try:
        status = await asyncio.wait_for(connection.get(path), 120)
        if status != 200:
            bad.append(status)
    except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
        bad.append(repr(error))
        connection.close()
    times.append(time.monotonic() - started)
    connections.put_nowait(connection)


class Client:
    """16 connections to one server, and what it has answered so far."""

    def __init__(self, port, count):
        self.seconds, self.times, self.bad, self.connections = 0, [], [], asyncio.Queue()
        for _ in range(count):
            self.connections.put_nowait(Connection(port))

    async def screen(self, paths):
        started = time.monotonic()
        await asyncio.gather(*(_one(self.connections, path, self.times, self.bad) for path in paths))
        self.seconds += time.monotonic() - started

    def close(self):
        while not self.connections.empty():
            self.connections.get_nowait().close()


async def _run(port, sides, count):
    clients = [Client(port, count) for _ in sides]
    for number, screens_of in enumerate(zip(*sides)):
        for which in (range(len(sides)), reversed(range(len(sides))))[number & 1]:
            await clients[which].screen(screens_of[which])
    for client in clients:
        client.close()
    return clients


def run(port, *sides, connections=16):
    """Clients, one for each side; a side is a list of screens, a screen the paths that are asked for at once. The sides take turns."""
    return asyncio.run(_run(port, sides, connections))
