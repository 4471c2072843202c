# SPDX-License-Identifier: Apache-2.0
"""As much of an HTTP/2 client (RFC 9113) as it takes to ask for many things at once and to take one of them back."""
import socket
import struct
import time

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 1, 1, 4
CANCEL = 8
# Status codes of HPACK's static table (RFC 7541, appendix A).
STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}


def literal(name, value):
    """A header field without indexing, without Huffman (RFC 7541 §6.2.2); both shorter than 127 bytes or in two bytes."""
    def text(value):
        data = value.encode()
        if len(data) < 127:
            return bytes([len(data)]) + data
        rest = len(data) - 127
        assert rest < 16384
        return (bytes([127, rest]) if rest < 128 else bytes([127, rest & 127 | 128, rest >> 7])) + data
    return b"\0" + text(name) + text(value)


class Stream:
    def __init__(self):
        self.status = None      # of those in STATUS; 0 for any other
        self.body = bytearray()
        self.ended = False      # orderly
        self.reset = None       # error code of the server's RST_STREAM


class Connection:
    """Prior knowledge, plain text. Streams are numbered as they are asked for: 1, 3, 5, …"""

    def __init__(self, port, window=1 << 24):
        self.authority = "127.0.0.1:%d" % port
        self.socket = socket.create_connection(("127.0.0.1", port), 30)
        self.streams = {}
        self.goaway = False
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" +
                            self.frame(SETTINGS, 0, 0, struct.pack(">HI", 4, window)) +   # INITIAL_WINDOW_SIZE
                            self.frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1 << 30)))

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.socket.close()

    @staticmethod
    def frame(kind, flags, stream, payload=b""):
        return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload

    def ask(self, path, method="GET", **headers):
        """Number of the stream. Headers as keywords: if_none_match='"x"'."""
        number = 2 * len(self.streams) + 1
        self.streams[number] = Stream()
        fields = [(":method", method), (":scheme", "http"), (":authority", self.authority), (":path", path)]
        fields += [(name.replace("_", "-"), value) for name, value in headers.items()]
        block = b"".join(literal(*field) for field in fields)
        self.socket.sendall(self.frame(HEADERS, END_HEADERS | END_STREAM, number, block))
        return number

    def cancel(self, number):
        self.socket.sendall(self.frame(RST_STREAM, 0, number, struct.pack(">I", CANCEL)))

    def receive(self, count):
        data = b""
        while len(data) < count:
            chunk = self.socket.recv(count - len(data))
            if not chunk:
                raise EOFError("the server closed the connection")
            data += chunk
        return data

    def step(self):
        """Reads one frame."""
        head = self.receive(9)
        length, kind, flags, number = int.from_bytes(head[:3], "big"), head[3], head[4], int.from_bytes(head[5:], "big")
        payload = self.receive(length)
        stream = self.streams.get(number)
        if kind == SETTINGS and not flags & ACK:
            self.socket.sendall(self.frame(SETTINGS, ACK, 0))
        elif kind == PING and not flags & ACK:
            self.socket.sendall(self.frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = True
        elif stream is None:
            return
        elif kind == HEADERS:
            while payload and payload[0] & 0xE0 == 0x20:      # a change of the table's size
                payload = payload[1:]
            if stream.status is None:
                stream.status = STATUS.get(payload[0] & 0x7F, 0) if payload[0] & 0x80 else 0
        elif kind == DATA:
            stream.body += payload
        elif kind == RST_STREAM:
            stream.reset = int.from_bytes(payload, "big")
        if kind in (HEADERS, DATA) and flags & END_STREAM:
            stream.ended = True

    def wait(self, numbers, seconds=30):
        """Until these streams are over."""
        until = time.monotonic() + seconds
        while any(not self.streams[n].ended and self.streams[n].reset is None for n in numbers):
            assert time.monotonic() < until, "streams do not end"
            self.step()
        return [self.streams[n] for n in numbers]

    def get(self, path, method="GET", **headers):
        return self.wait([self.ask(path, method, **headers)])[0]
