# SPDX-License-Identifier: Apache-2.0
"""An API server that answers as it is told to: lists and watches of pods and of
cordoned nodes, as Tables, and instead of these whatever a test wants to see.
What a real one does is tried in tests/e2e.
"""
import gzip
import json
import queue
import threading
import time
import urllib.parse

from lab import Scripted

COLUMNS = [{"name": name} for name in ("Name", "Ready", "Status", "IP", "Node")]
HEAD = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\n")


def table(version, rows, columns=COLUMNS):
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1",
            "metadata": {"resourceVersion": str(version)},
            "columnDefinitions": columns,
            "rows": [{"cells": row, "object": None} for row in rows]}


def refuses(status, fields="", message="the server's reason"):
    """An act: the status with a body as the API server's are."""
    code = int(status.split()[0])
    body = json.dumps({"kind": "Status", "status": "Failure", "code": code,
                       "message": message}).encode()

    def act(connection):
        connection.sendall(
            f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n"
            f"{fields}\r\n".encode() + body)
    return act


def lists(body):
    """An act: this list, whatever it is."""
    def act(connection):
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) +
                           body)
    return act


class ApiServer:
    """acts: by "pods" or "nodes", what is done instead of an answer."""

    def __init__(self, context, host="127.0.0.1"):
        self.context, self.host, self.acts = context, host, {}
        self.items = {"pods": {}, "nodes": {}}  # name: row
        self.log = {"pods": [], "nodes": []}    # of (version, event)
        self.version, self.watches = 100, {"pods": [], "nodes": []}
        self.lists = self.refused = 0
        self.watched_at = None
        self.lock = threading.Lock()
        self.server = None
        self.open()

    def open(self, port=0):
        self.server = Scripted(self._serve, context=self.context,
                               host=self.host, port=port)
        self.port = self.server.port

    def close(self):
        """Nobody listens any more."""
        self.server.listener.shutdown(2)
        self.server.listener.close()
        self.cut()

    def change(self, kind, name, row=None):
        """A row comes or changes; None: it leaves."""
        with self.lock:
            self.version += 1
            known = name in self.items[kind]
            if row is None:
                row, what = self.items[kind].pop(name), "DELETED"
            else:
                what = "MODIFIED" if known else "ADDED"
                self.items[kind][name] = row
            event = json.dumps({"type": what, "object": table(
                self.version, [row])}).encode() + b"\n"
            self.log[kind].append((self.version, event))
            for watch in self.watches[kind]:
                watch.put(event)

    def pod(self, name, node, address, ready=True, status="Running"):
        self.change("pods", name, [name, "1/1" if ready else "0/1", status,
                                   address, node])

    def cut(self, last=None):
        """The watches end; last is the last thing that those of pods say."""
        with self.lock:
            for kind, watches in self.watches.items():
                for watch in watches:
                    if last and kind == "pods":
                        watch.put(last)
                    watch.put(None)
                watches.clear()

    def watched_s(self):
        """How long there has been a watch of pods; 0: there is none."""
        with self.lock:
            return time.monotonic() - self.watched_at \
                if self.watches["pods"] else 0

    def _serve(self, connection, request):
        url = urllib.parse.urlsplit(request.split()[1].decode())
        kind = url.path.rpartition("/")[2]
        act = self.acts.get(kind)
        if act:
            self.refused += 1
            act(connection)
        elif kind not in self.items:
            lists(b"{}")(connection)  # /version
        elif "watch=" in url.query:
            query = urllib.parse.parse_qs(url.query)
            self._watch(connection, kind, int(query["resourceVersion"][0]))
        else:
            self._list(connection, kind, b"gzip" in request)

    def _list(self, connection, kind, packed):
        with self.lock:
            body = json.dumps(table(
                self.version, self.items[kind].values())).encode()
        self.lists += kind == "pods"
        field = b""
        if packed:
            body, field = gzip.compress(body), b"Content-Encoding: gzip\r\n"
        connection.sendall(HEAD + field + b"Content-Length: %d\r\n\r\n" %
                           len(body) + body)

    def _watch(self, connection, kind, since):
        mine = queue.SimpleQueue()
        with self.lock:
            for version, event in self.log[kind]:
                if version > since:
                    mine.put(event)
            self.watches[kind].append(mine)
            if kind == "pods":
                self.watched_at = time.monotonic()
        connection.sendall(HEAD + b"\r\n")
        while True:
            event = mine.get()
            if event is None:
                return
            connection.sendall(event)
