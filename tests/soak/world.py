# SPDX-License-Identifier: Apache-2.0
"""What the soak test's doctor looks at: web servers, a nameserver and an API
server, each with a mood that the test changes while it runs.
"""
import json
import os
import re
import socket
import ssl
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import Authority, Scripted, replace, reset  # noqa: E402

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n"
DNS_NAME = "kubernetes.default.svc.cluster.local"


def _endless(connection):
    while True:
        connection.sendall(b"X-Filler: " + b"x" * 4000 + b"\r\n")


def _drip(connection):
    for byte in OK:
        connection.sendall(bytes([byte]))
        time.sleep(0.03)


def _hang(connection):
    while connection.recv(4096):
        pass


def _informational(connection):
    while True:
        connection.sendall(b"HTTP/1.1 102 Processing\r\n\r\n" * 20)


MOODS = {
    "fine": lambda c: c.sendall(OK),
    "reset": reset,
    "close": lambda c: None,
    "hang": _hang,
    "garbage": lambda c: c.sendall(os.urandom(2000)),
    "nul": lambda c: c.sendall(b"HTTP/1.1 200 OK\r\nA\0: b\r\n\r\n"),
    "endless_headers": _endless,
    "informational": _informational,
    "drip": _drip,
    "truncated": lambda c: c.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"),
    "bad_chunks": lambda c: c.sendall(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "two_lengths": lambda c: c.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
    "not_found": lambda c: c.sendall(EMPTY % b"404 Not Found"),
    "unavailable": lambda c: c.sendall(EMPTY % b"503 Service Unavailable"),
}


class Web:
    """Answers as its mood says; /loop and /moved redirect."""

    def __init__(self, context=None, host="127.0.0.1"):
        self.mood = "fine"
        self.server = Scripted(self._act, host=host, context=context)
        self.port = self.server.port

    def _act(self, connection, request):
        self.server.requests.clear()
        path = request.split(b" ")[1] if request.count(b" ") > 1 else b""
        if self.mood == "fine" and path in (b"/moved", b"/loop"):
            to = b"/loop" if path == b"/loop" else b"/"
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: " + to +
                               b"\r\nContent-Length: 0\r\n\r\n")
        else:
            MOODS[self.mood](connection)


class Nameserver:
    """127.0.0.53: *.test and the API server's name are 127.0.0.1."""

    def __init__(self):
        self.mood = "fine"
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.53", 53))
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            query, sender = self.socket.recvfrom(2048)
            answer = self._answer(query)
            if answer:
                self.socket.sendto(answer, sender)

    def _answer(self, query):
        if self.mood == "silent":
            return None
        if self.mood == "garbage":
            return query[:2] + os.urandom(60)
        end = query.index(b"\0", 12) + 5
        kind = struct.unpack("!H", query[end - 4:end - 2])[0]
        code = 3 if query[13:13 + query[12]] == b"nowhere" else 0
        code = {"servfail": 2, "refused": 5}.get(self.mood, code)
        data = socket.inet_aton("127.0.0.1") if kind == 1 and not code else b""
        record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + data \
            if data else b""
        return query[:2] + struct.pack(
            "!HHHHH", 0x8180 | code, 1, 1 if data else 0, 0, 0) \
            + query[12:end] + record


COLUMNS = [{"name": name} for name in
           ("Name", "Ready", "Status", "IP", "Node")]


class ApiServer:
    """/version, and pods and nodes as Tables, for who has the token."""

    def __init__(self, context, token):
        self.mood = "fine"
        self.token = token
        self.pods = {}
        self.changed = threading.Condition()
        self.version = 1
        self.server = Scripted(self._act, context=context)
        self.port = self.server.port

    def set_pods(self, pods):
        with self.changed:
            self.pods = dict(pods)
            self.version += 1
            self.changed.notify_all()

    def _table(self):
        return {"kind": "Table",
                "metadata": {"resourceVersion": str(self.version)},
                "columnDefinitions": COLUMNS,
                "rows": [{"cells": [name, "1/1", "Running", ip, node],
                          "object": None}
                         for name, (ip, node) in self.pods.items()]}

    def _act(self, connection, request):
        self.server.requests.clear()
        sent = re.search(rb"\r\nAuthorization: Bearer ([^\r]*)", request)
        if self.mood != "fine":
            MOODS[self.mood](connection)
        elif not sent or sent[1].decode() != self.token:
            connection.sendall(EMPTY % b"401 Unauthorized")
        elif b"/version" in request.split(b"\r\n")[0]:
            connection.sendall(OK)
        elif b"watch=" in request.split(b"\r\n")[0]:
            self._watch(connection, b"/nodes" in request.split(b"\r\n")[0])
        else:
            with self.changed:
                table = self._table()
            if b"/nodes" in request.split(b"\r\n")[0]:
                table["rows"] = []
            self._send(connection, table)

    def _send(self, connection, table):
        text = json.dumps(table).encode()
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n" % len(text) + text)

    def _watch(self, connection, is_nodes):
        """Ends when something changes: the watcher has to list again."""
        connection.sendall(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n")
        with self.changed:
            seen = self.version
            while is_nodes or self.version == seen:
                if not self.changed.wait(20):
                    return
        connection.sendall(json.dumps({"type": "ERROR", "object": {
            "kind": "Status", "code": 410, "reason": "Expired"}}).encode())


def tls(authority, name, alternative):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(name, alternative))
    return context


class World:
    def __init__(self, account):
        replace("/etc/hosts", "127.0.0.1 localhost\n")
        replace("/etc/resolv.conf", "nameserver 127.0.0.53\n"
                "options timeout:1 attempts:1\n")
        self.account = account
        self.authority = Authority("authority")
        context = tls(self.authority, "server",
                      f"IP:127.0.0.1,DNS:web.test,DNS:{DNS_NAME}," +
                      ",".join(f"IP:10.7.0.{i}" for i in range(1, 15)))
        self.nameserver = Nameserver()
        self.plain, self.secure = Web(), Web(context)
        self.ingress = Web(context)
        self.neighbours = Web(context, host="0.0.0.0")
        self.webs = [self.plain, self.secure, self.ingress, self.neighbours]
        self.api = ApiServer(context, "token-0")
        self.tokens = 0
        os.makedirs(account)
        replace(f"{account}/ca.crt", open(self.authority.path).read())
        self.mount_token("token-0")
        self.all_pods = {f"pod-{i}": (f"10.7.0.{i}", f"node-{i}")
                         for i in range(1, 15)}
        self.api.set_pods(self.all_pods)

    def mount_token(self, token):
        """As kubelet does it: another directory, then the link is swapped."""
        self.tokens += 1
        directory = f"..{self.tokens}"
        os.makedirs(f"{self.account}/{directory}")
        replace(f"{self.account}/{directory}/token", token)
        if self.tokens == 1:
            os.symlink("..data/token", f"{self.account}/token")
        os.symlink(directory, f"{self.account}/..tmp")
        os.rename(f"{self.account}/..tmp", f"{self.account}/..data")

    def rotate(self):
        self.api.token = f"token-{self.tokens}"
        self.mount_token(self.api.token)
