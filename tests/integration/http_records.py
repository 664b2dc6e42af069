# SPDX-License-Identifier: Apache-2.0
"""A client of the https listener that puts each byte into a record of its own
is cut off after a fixed number of them; one that sends lines is served.
"""
import os
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes",
                "-keyout", "records.key", "-out", "records.crt", "-days", "2",
                "-subj", "/CN=x"], check=True, capture_output=True)
os.chmod("records.key", 0o644)
tls_port, = free_ports(1)
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
listen_tls = 127.0.0.1:{tls_port}
use_tls = true
cert_file = {os.path.abspath("records.crt")}
cert_key = {os.path.abspath("records.key")}
neighbour_source = static
""")
wait(lambda: doctor.status("/alwayshappy") == 200)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def ask(pieces):
    """(the answer, or what came instead; how many pieces were sent)"""
    sent = 0
    with context.wrap_socket(socket.create_connection(
            ("127.0.0.1", tls_port), DEADLINE_S)) as client:
        client.settimeout(DEADLINE_S)
        try:
            for piece in pieces:
                client.sendall(piece)
                sent += 1
            return client.recv(100), sent
        except (OSError, ssl.SSLError) as error:
            return repr(error).encode(), sent


HEAD = b"GET /alwayshappy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
lines = [line + b"\r\n" for line in HEAD.split(b"\r\n")]
lines[-1:-1] = [b"X-%d: y\r\n" % i for i in range(50)]
like(ask(lines)[0].decode("latin-1"), "^HTTP/1.1 200 ", "a line a record")
data = HEAD + b"X: " + b"y" * 4000 + b"\r\n\r\n"
got, _ = ask(data[i:i + 1] for i in range(len(data)))
ok(not got.startswith(b"HTTP/1.1 200"), "a byte a record: cut off", got)
like(ask([data])[0].decode("latin-1"), "^HTTP/1.1 200 ",
     "the same in one record")
done()
