# SPDX-License-Identifier: Apache-2.0
"""Where a request ends.  Each framing here is followed by a second request,
which is answered where everybody agrees that the first has ended, and never
where a proxy in front might have read another end: then the answer is an error
and the connection is closed (RFC 9112, sections 6 and 11.2).
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
doctor = Doctor("[kubenurse]\nlisten = 127.0.0.1:{port}\n"
                "neighbour_source = static\n")
wait(lambda: doctor.status("/alwayshappy") == 200)

SECOND = b"GET /metrics HTTP/1.1\r\nHost: second\r\n\r\n"
LENGTH = b"Content-Length: %d\r\n" % len(SECOND)
CHUNKED = b"Transfer-Encoding: chunked\r\n"
LAST_CHUNK = b"0\r\n\r\n"
IN_A_CHUNK = b"%x\r\n%s\r\n0\r\n\r\n" % (len(SECOND), SECOND)


def get(headers, rest=b"", line=b"GET /alwayshappy HTTP/1.1"):
    """With the second request at its end."""
    return line + b"\r\nHost: first\r\n" + headers + b"\r\n" + rest + SECOND


def length(value):
    return get(b"Content-Length:" + value + b"\r\n")


def coding(value, rest=LAST_CHUNK):
    return get(b"Transfer-Encoding:" + value + b"\r\n", rest)


def chunks(rest):
    return get(CHUNKED, rest)


DECIMAL = b"%d" % len(SECOND)
OLD = b"GET /alwayshappy HTTP/1.0"

# What, the bytes, the status of each answer.
FRAMINGS = (
    # a length
    ("a length", get(LENGTH), [200]),
    ("HEAD with a length", get(LENGTH, line=b"HEAD /alwayshappy HTTP/1.1"),
     [200]),
    ("twice the same length", get(LENGTH * 2), [200]),
    ("a length with zeros", length(b"000" + DECIMAL), [200]),
    ("two lengths, 0 first", get(b"Content-Length: 0\r\n" + LENGTH), [400]),
    ("two lengths, 0 last", get(LENGTH + b"Content-Length: 0\r\n"), [400]),
    ("a list of lengths", length(DECIMAL + b", " + DECIMAL), [400]),
    ("+ before a length", length(b"+" + DECIMAL), [400]),
    ("a hexadecimal length", length(b"0x%x" % len(SECOND)), [400]),
    ("a negative length", length(b"-1"), [400]),
    ("a blank in a length", length(b"4 2"), [400]),
    ("an empty length", length(b""), [400]),
    ("a length of 2^64", length(b"%d" % 2 ** 64), [400]),
    ("a length that wraps", length(b"%d" % (2 ** 64 + len(SECOND))), [400]),
    ("a NUL behind a length", length(DECIMAL + b"\0"), [400]),
    ("a blank before the colon of a length",
     get(b"Content-Length : " + DECIMAL + b"\r\n"), [400]),
    ("a folded length", get(b"Content-Length:\r\n " + DECIMAL + b"\r\n"),
     [400]),
    ("a length in a folded line", get(b"X: y\r\n " + LENGTH), [400]),
    ("a NUL in the name of a length",
     get(b"Content-Len\0gth: " + DECIMAL + b"\r\n"), [400]),
    ("a length without a colon", get(b"Content-Length " + DECIMAL + b"\r\n"),
     [400]),
    ("another header", get(b"Content_Length: " + DECIMAL + b"\r\n"),
     [200, 200]),
    ("a length that is too large", length(b"99999999"), [413]),
    ("a length, HTTP/1.0",
     get(b"Connection: keep-alive\r\n" + LENGTH, line=OLD), [200]),
    # a length and a coding
    ("a length, then a coding", get(
        b"Content-Length: %d\r\n" % (len(SECOND) + len(LAST_CHUNK)) + CHUNKED,
        LAST_CHUNK), [400]),
    ("a coding, then a length",
     get(CHUNKED + b"Content-Length: 5\r\n", LAST_CHUNK), [400]),
    ("a coding behind a vertical tab, and a length",
     get(b"Transfer-Encoding: \vchunked\r\n" + LENGTH), [400]),
    ("an unknown coding and a length",
     get(b"Transfer-Encoding: gzip\r\n" + LENGTH), [400]),
    # codings
    ("the second request in a chunk", chunks(IN_A_CHUNK)[:-len(SECOND)],
     [400]),
    ("chunked in capitals",
     get(b"TRANSFER-ENCODING: CHUNKED\r\n", LAST_CHUNK), [400]),
    ("a tab before chunked", coding(b"\tchunked"), [400]),
    ("a blank behind chunked", coding(b" chunked "), [501]),
    ("xchunked", coding(b" xchunked"), [501]),
    ("chunked, chunked", coding(b" chunked, chunked"), [501]),
    ("identity", coding(b" identity", b""), [501]),
    ("two codings", get(CHUNKED + b"Transfer-Encoding: identity\r\n",
                        LAST_CHUNK), [501]),
    ("a blank before the colon of a coding",
     get(b"Transfer-Encoding : chunked\r\n", LAST_CHUNK), [400]),
    ("a folded coding", get(b"Transfer-Encoding:\r\n chunked\r\n", LAST_CHUNK),
     [400]),
    ("a coding, HTTP/1.0",
     get(b"Connection: keep-alive\r\n" + CHUNKED, LAST_CHUNK, OLD), [400]),
    # chunks
    ("a chunk extension", chunks(b"0;a=b\r\n\r\n"), [400]),
    ("LF behind a chunk size", chunks(b"0\n\n"), [400]),
    ("CR in a chunk extension", chunks(b"0;\rX\r\n\r\n"), [400]),
    ("CR LF in a quoted extension", chunks(b"0;a=\"\r\n\r\n\"\r\n\r\n"),
     [400]),
    ("0x before a chunk size", chunks(b"0x0\r\n\r\n"), [400]),
    ("- before a chunk size", chunks(b"-0\r\n\r\n"), [400]),
    ("a chunk size that wraps", chunks(b"1" + b"0" * 16 + b"\r\n\r\n"),
     [400]),
    ("a chunk size of many zeros", chunks(b"0" * 20 + b"\r\n\r\n"), [400]),
    ("a chunk that is too long", chunks(b"1\r\nxx\r\n0\r\n\r\n"), [400]),
    ("a length in the trailer", chunks(b"0\r\n" + LENGTH + b"\r\n"), [400]),
    # ends of lines
    ("LF alone", get(LENGTH).replace(b"\r\n", b"\n", 4), [200]),
    ("LF alone before a length", get(b"X: y\n" + LENGTH), [200]),
    ("CR alone before a length", get(b"X: y\r" + LENGTH), [400]),
    ("CR CR LF before a length", get(b"X: y\r\r\n" + LENGTH), [400]),
    ("blank lines first", b"\r\n\r\n\r\n" + get(b""), [200, 200]),
    # expectations, and what somebody else would take for the end of HTTP
    ("an expectation", get(b"Expect: 100-continue\r\n" + LENGTH), [100, 200]),
    ("an expectation of POST",
     get(b"Expect: 100-continue\r\n" + LENGTH,
         line=b"POST /alwayshappy HTTP/1.1"), [405]),
    ("another expectation", get(b"Expect: 200-ok\r\n" + LENGTH), [417]),
    ("an upgrade to HTTP/2", get(
        b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n"), [200, 200]),
    ("an upgrade to WebSocket", get(
        b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n"),
     [200, 200]),
    ("CONNECT", get(b"", line=b"CONNECT 192.0.2.1:80 HTTP/1.1"), [405, 200]),
    ("a body where none is allowed",
     get(LENGTH, line=b"POST /metrics HTTP/1.1"), [405]),
    ("a chunk where none is allowed",
     get(CHUNKED, IN_A_CHUNK, b"POST /x HTTP/1.1")[:-len(SECOND)], [405]),
    ("the wish to close", get(b"Connection: close\r\n"), [200]),
    ("headers that are too long", get(b"X: " + b"y" * 40000 + b"\r\n"), [431]),
    # request lines
    ("another host", get(b"", line=b"GET http://x:99/alwayshappy HTTP/1.1"),
     [200, 200]),
    ("two versions", get(b"", line=b"GET http://a/x HTTP/1.1 HTTP/1.1"),
     [400]),
    ("a blank in a target", get(b"", line=b"GET /alwayshappy /x HTTP/1.1"),
     [400]),
    ("tabs for blanks", get(b"", line=b"GET\t/alwayshappy\tHTTP/1.1"), [400]),
    ("no method", get(b"", line=b" /alwayshappy HTTP/1.1"), [400]),
    ("http in small letters", get(b"", line=b"GET /alwayshappy http/1.1"),
     [400]),
    ("HTTP/1.10", get(b"", line=b"GET /alwayshappy HTTP/1.10"), [400]),
    ("HTTP/2.0", get(b"", line=b"GET /alwayshappy HTTP/2.0"), [505]),
    ("UTF-8 in a name", get(b"X-\xc3\xa4: y\r\n"), [400]),
)

# What libmicrohttpd 1.0 answers instead: it joins folded lines, knows one
# refusal of codings, need not ask for a body that has come, and takes what
# stands between blanks or tabs for a target.  All of that RFC 9112 lets it do,
# and the request ends where it did.
OF_1_0 = {
    "a folded length": [200],
    "a length in a folded line": [200, 200],
    "a blank behind chunked": [400],
    "xchunked": [400],
    "chunked, chunked": [400],
    "identity": [400],
    "an expectation": [200],
    "two versions": [301],
    "a blank in a target": [301],
    "tabs for blanks": [200, 200],
}


def answers(data):
    """The status of each answer until the connection is closed."""
    with socket.create_connection(("127.0.0.1", doctor.port), 5) as client:
        client.settimeout(DEADLINE_S)
        got = b""
        try:
            client.sendall(data)
            client.shutdown(socket.SHUT_WR)
            while piece := client.recv(65536):
                got += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return [int(status) for status in
                re.findall(rb"HTTP/1\.[01] (\d+) ", got)]


for what, data, statuses in FRAMINGS:
    found = answers(data)
    if found == OF_1_0.get(what):
        statuses = found
    equal(found, statuses, f"{what}: {statuses}")
equal(answers(SECOND), [200], "and an honest client is served")
done()
