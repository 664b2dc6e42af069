# SPDX-License-Identifier: Apache-2.0
"""A nameserver that answers as no nameserver should: which way is in the
first label of the name that is asked for.
"""
import socket
import struct
import threading

A, CNAME, TXT, AAAA = 1, 5, 16, 28
ANSWER, TRUNCATED = 0x8180, 0x8380
OWNER = b"\xc0\x0c"  # a pointer to the name in the question
HERE = bytes((127, 0, 0, 1))


def record(kind, data, owner=OWNER, length=None):
    return owner + struct.pack("!HHIH", kind, 1, 1, len(data) if length is None
                               else length) + data


def message(query, *records, flags=ANSWER, count=None, number=None,
            question=None):
    head = query[:2] if number is None else struct.pack("!H", number)
    return head + struct.pack("!HHHHH", flags, 1, len(records)
                              if count is None else count, 0, 0) + (
        query[12:] if question is None else question) + b"".join(records)


class Query:
    def __init__(self, packet, over_tcp):
        self.packet, self.over_tcp = packet, over_tcp
        self.id, = struct.unpack("!H", packet[:2])
        self.first = packet[13:13 + packet[12]].decode("ascii")
        self.type, = struct.unpack("!H", packet[-4:-2])

    def say(self, *records, **how):
        return message(self.packet, *records, **how)

    def address(self):
        """The right answer: 127.0.0.1, and no IPv6."""
        return self.say(record(A, HERE)) if self.type == A else self.say()


class Nameserver:
    """behaviours: the first label to what is sent in answer to a Query, a
    list of messages; over TCP they are sent as they stand, length and all."""

    def __init__(self, address, behaviours, tcp=True):
        self.behaviours = behaviours
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.udp.bind((address, 53))
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger.bind(("127.0.0.99", 0))
        self._start(self._serve_udp)
        if tcp:
            self.tcp = socket.create_server((address, 53), backlog=128)
            self._start(self._serve_tcp)

    @staticmethod
    def _start(target, *words):
        threading.Thread(target=target, args=words, daemon=True).start()

    def _serve_udp(self):
        while True:
            packet, peer = self.udp.recvfrom(4096)
            query = Query(packet, False)
            for reply in self.behaviours[query.first](query):
                sender = self.udp
                if isinstance(reply, Elsewhere):
                    sender = self.stranger
                    reply = reply.reply
                try:
                    sender.sendto(reply, peer)
                except OSError:
                    pass  # the client has closed its socket

    def _serve_tcp(self):
        while True:
            connection, _ = self.tcp.accept()
            self._start(self._talk, connection)

    def _talk(self, connection):
        try:
            connection.settimeout(10)
            packet = b""
            while len(packet) < 2 or len(packet) < 2 + packet[0] * 256 + \
                    packet[1]:
                piece = connection.recv(4096)
                if not piece:
                    return
                packet += piece
            query = Query(packet[2:], True)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for reply in self.behaviours[query.first](query):
                if reply is SILENCE:
                    connection.recv(1)
                else:
                    connection.sendall(reply)
        except OSError:
            pass
        finally:
            connection.close()


class Elsewhere:
    """Sent from another address than the one that was asked."""

    def __init__(self, reply):
        self.reply = reply


SILENCE = object()  # over TCP: nothing, until the client has gone


def framed(reply, length=None):
    return struct.pack("!H", len(reply) if length is None else length) + reply


def by_tcp(reply):
    """Truncated by UDP; reply(query) by TCP, as it stands."""
    return lambda query: reply(query) if query.over_tcp else [
        query.say(flags=TRUNCATED)]
