"""Just enough of HTTP/2 to say what no well-behaved gRPC client says."""

import socket
import ssl
import struct

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS = 1, 4


def frame(kind, payload=b"", flags=0, stream=0):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def header(name, value):
    """A literal that stays out of the table of headers."""
    return b"\x10" + b"".join(_length(len(text)) + text for text in (name, value))


def _length(number):
    if number < 127:
        return bytes([number])
    number -= 127
    out = [127]
    while number >= 128:
        out.append(number % 128 + 128)
        number //= 128
    return bytes([*out, number])


def call_headers(method, *more):
    """The header block of a gRPC call."""
    pairs = [(b":method", b"POST"), (b":scheme", b"https"), (b":path", method.encode()), (b":authority", b"weir"),
             (b"te", b"trailers"), (b"content-type", b"application/grpc"), *more]
    return b"".join(header(*pair) for pair in pairs)


def message(body, compressed=False):
    return bytes([compressed]) + struct.pack(">I", len(body)) + body


def connect(address, authority=None, identity=None, timeout_s=10):
    """A connection; with an authority TLS, with an identity by its certificate, as gRPC's client makes it."""
    host, port = address.split(":")
    raw = socket.create_connection((host, int(port)), timeout=timeout_s)
    if authority is None:
        return raw
    context = ssl.create_default_context(cafile=authority.certificate)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    if identity:
        context.load_cert_chain(authority.directory / f"{identity}.pem", authority.directory / f"{identity}.key")
    return context.wrap_socket(raw)


def read_until_closed(connection, bytes_max=1 << 20):
    """What comes until the other end closes the connection, or `bytes_max`. socket.timeout when it doesn't."""
    got = b""
    while len(got) < bytes_max:
        try:
            part = connection.recv(65_536)
        except (ConnectionError, ssl.SSLError):
            break
        if not part:
            break
        got += part
    return got
