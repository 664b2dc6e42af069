# SPDX-License-Identifier: Apache-2.0
"""Every way in which a server can misbehave above TCP and below TLS: what
Scripted's act may be.  Bytes are sent as they stand, one send(2) each, or
without end until the client has had enough.
"""
import select
import socket
import time

from lab import reset

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\n\r\n"
HEAD_MAX_BYTES = 64 * 1024  # the contract's bound of an answer's headers
TLS_WARNING = b"\x15\x03\x03\x00\x02\x01\x5a"  # RFC 5246: user_canceled
TLS_FATAL = b"\x15\x03\x03\x00\x02\x02\x28"  # handshake_failure
TLS_EMPTY = b"\x16\x03\x03\x00\x00"
TLS_HELLO_REQUEST = b"\x16\x03\x03\x00\x04\x00\x00\x00\x00"
TLS_HUGE_MESSAGE = b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"x" * 16380
TLS_HUGE_RECORD = b"\x16\x03\x03\xff\xff" + b"x" * 65535
HTTP2_SETTINGS = b"\x00\x00\x00\x04\x00\x00\x00\x00\x00"


def fields(head, *lines):
    """An answer without a body, with these header lines."""
    return b"\r\n".join((b"HTTP/1.1 " + head,) + lines) + b"\r\n\r\n"


def answer_of(head_bytes):
    """An answer whose headers, status line and all, have so many bytes."""
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-Filler: "
    return start + b"x" * (head_bytes - len(start) - 4) + b"\r\n\r\n"


def moved(location, body=b"", extra=b""):
    return (b"HTTP/1.1 302 Found\r\nContent-Length: %d\r\nLocation: %s\r\n%s"
            b"\r\n%s" % (len(body), location, extra, body))


def endless(start, piece):
    """Sends a start, and then the same again and again."""
    piece *= max(1, 16384 // len(piece))

    def act(connection, _):
        connection.sendall(start)
        while True:
            connection.sendall(piece)
    return act


def bytewise(answer):
    """Each byte by itself: a segment each."""
    def act(connection, _):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in answer:
            connection.sendall(bytes((byte,)))
    return act


def drips(start, piece=b"x"):
    """A byte now and then, until the client gives up: it is never silent, and
    never ends."""
    def act(connection, _):
        connection.sendall(start)
        while True:
            connection.sendall(piece)
            time.sleep(0.02)
    return act


def resets_after(answer):
    def act(connection, _):
        connection.sendall(answer)
        reset(connection)
    return act


def first_reads(act):
    """For a server that is not to read a request: what came is taken from the
    socket first, or closing it would be a reset."""
    def after(connection, _):
        connection.recv(4096)
        act(connection, None)
    return after


def keeps(answer):
    """The answer; then it waits until the client ends the connection."""
    def act(connection, _):
        connection.sendall(answer)
        select.select([connection], [], [], 30)
    return act
