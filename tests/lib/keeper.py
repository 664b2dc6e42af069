# SPDX-License-Identifier: Apache-2.0
"""A scripted server that keeps its connections, for checks that reuse them."""
from lab import Scripted

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Keeper(Scripted):
    """on_request(connection, number on it, path) answers; true: it goes on.
    per_connection counts the requests of each, open those that are open."""

    def __init__(self, on_request, **more):
        self.on_request = on_request
        self.per_connection = []
        self.open = 0
        super().__init__(self._keep, read=False, **more)

    def _keep(self, connection, _):
        number = len(self.per_connection)
        self.per_connection.append(0)
        self.open += 1
        try:
            while True:
                request = self._request(connection)
                if request is None:
                    return
                self.per_connection[number] += 1
                if not self.on_request(connection, self.per_connection[number],
                                       request.split()[1]):
                    return
        finally:
            self.open -= 1

    def _request(self, connection):
        """Its text, as far as the blank line; None: nothing comes any more."""
        request = b""
        while b"\r\n\r\n" not in request:
            piece = connection.recv(4096)
            if not piece:
                return None
            request += piece
        self.requests.append(request.decode("latin-1"))
        return self.requests[-1]


def keeps(connection, *_):
    connection.sendall(OK)
    return True
