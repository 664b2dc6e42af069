# SPDX-License-Identifier: Apache-2.0
"""CONTRACT 1 and 4, reuse_connections: what is kept, what is not, what a dead
connection costs (nothing that counts), and what the events of a kept one are.
"""
import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
from keeper import OK, Keeper, keeps  # noqa: E402


def asks_to_close(connection, *_):
    connection.sendall(OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
    return True


def says_too_much(connection, *_):
    connection.sendall(OK + b"?")
    return True


def closes_idle(connection, *_):
    """The end comes between two checks."""
    connection.sendall(OK)
    threading.Event().wait(0.02)
    return False


def ends_the_second(connection, number, _):
    """The server's end and our request pass each other on the wire."""
    if number == 1:
        connection.sendall(OK)
    return number == 1


def resets_the_second(connection, number, _):
    if number == 1:
        connection.sendall(OK)
        return True
    reset(connection)
    return False


def breaks_the_second(connection, number, _):
    """That one has begun to answer: it is the answer that is bad."""
    connection.sendall(OK if number == 1 else b"HTTP/1.1 2")
    return number == 1


def speaks_1_0(connection, *_):
    connection.sendall(OK.replace(b"1.1", b"1.0"))
    return True


authority = Authority("authority")
certificate, key = authority.issue("good", "IP:127.0.0.1")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)

servers = {
    "kept": Keeper(keeps), "kept_tls": Keeper(keeps, context=context),
    "asks_to_close": Keeper(asks_to_close), "too_much": Keeper(says_too_much),
    "closes_idle": Keeper(closes_idle), "ended": Keeper(ends_the_second),
    "ended_tls": Keeper(ends_the_second, context=context),
    "reset": Keeper(resets_the_second), "broken": Keeper(breaks_the_second),
    "version_1_0": Keeper(speaks_1_0), "posted": Keeper(ends_the_second),
}
target = servers["kept"].port
servers["redirected"] = Keeper(lambda connection, *_: connection.sendall(
    b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:%d/next\r\n"
    b"Content-Length: 0\r\n\r\n" % target) or True)

INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 60s
neighbour_source = static
extra_ca = {authority.path}
reuse_connections = true
""" + "".join(f"""[check {name}]
url = http{"s" if name.endswith("tls") else ""}://127.0.0.1:{server.port}/
{"method = POST" if name == "posted" else ""}
""" for name, server in servers.items())

doctor = Doctor(INI)
ok(doctor.up(), "it starts") or done()
doctor.wait_checks(servers, 8)
metrics = doctor.settle()


def traced(name, event):
    return int(metrics.number(
        "kubenurse_httpclient_trace_request_duration_seconds_count"
        f'{{type="{name}",event="{event}"}}'))


def requests(name, code="200"):
    return int(metrics.number("kubenurse_httpclient_requests_total"
                              f'{{type="{name}",code="{code}"}}'))


for name, server in servers.items():
    errors = metrics.total(f'kubenurse_errors_total{{type="{name}",.*}}')
    if name != "broken":
        equal(errors, 0, f"K 4.8 {name}: no error")
        equal(metrics.checks(name),
              requests(name) if name != "redirected" else requests(name, 302),
              f"K {name}: one answer a check")
    check_sums(metrics, name)
for name in ("kept", "kept_tls"):
    # the second one is that of the check that was redirected, perhaps
    ok(len(servers[name].per_connection) <= 2, f"K {name}: kept connections",
       servers[name].per_connection)
    ok(all("Connection:" not in request for request in servers[name].requests),
       f"K 3.3 {name}: Connection: close is not sent")
    made = traced(name, "connect_done")
    ok(1 <= made <= 2, f"K 4.7 {name}: as many connect events", made)
    equal(traced(name, "dns_start"), 0, f"K 4.7 {name}: no dns events")
    equal(traced(name, "tls_handshake_done"),
          made if name == "kept_tls" else 0, f"K {name}: nor of TLS")
for name in set(servers) - {"broken", "redirected"}:
    for event in ("got_conn", "wrote_request", "got_first_resp_byte"):
        equal(traced(name, event), metrics.checks(name),
              f"K 3.3 {name}: {event} once a check")
for name in ("asks_to_close", "too_much", "version_1_0", "posted"):
    # 0: the shutdown cut it short before the request had come
    equal(set(servers[name].per_connection) - {0}, {1}, f"{name}: is not kept")
equal(set(servers["closes_idle"].per_connection) - {0}, {1},
      "closes_idle: what the server closed is given back before it is used")
for name in ("ended", "ended_tls", "reset"):
    used = servers[name].per_connection
    ok(2 in used, f"K 4.8 {name}: dead ones were met", used)
    equal(traced(name, "connect_done"), traced(name, "got_conn"),
          f"K 4.8 {name}: the events are those of the fresh connection, once")
ok(metrics.number('kubenurse_errors_total{type="broken",'
                  'event="round_trip_error"}') > 0,
   "broken: an answer that has begun is not asked for again")
equal(len(servers["redirected"].per_connection), 1,
      "redirected: each hop's connection is kept")
wait_ok(lambda: all(server.open == 0 for server in servers.values()),
        "K shutdown: the idle ones are closed with the worker")
doctor.halt()

# Two and no more, and the worker's descriptors do not grow.
slow = Keeper(lambda connection, *_: threading.Event().wait(0.05) or
              connection.sendall(OK) or True)
doctor = Doctor(INI.split("[check")[0] + "".join(
    f"[check same-{n}]\nurl = http://127.0.0.1:{slow.port}/{n}\n"
    for n in range(6)), name="many")
ok(doctor.up(), "many: it starts") or done()
doctor.wait_checks([f"same-{n}" for n in range(6)], 10)
wait_ok(lambda: slow.open <= 2 + 6, "K many: idle ones are two")
doctor.metrics()
worker = doctor.worker("extra")
before = len(descriptors(worker))
doctor.wait_checks([f"same-{n}" for n in range(6)], 25)
after = len(descriptors(worker))
ok(after <= before + 6, "many: descriptors do not grow", (before, after))
equal(doctor.metrics().total("kubenurse_errors_total.*"), 0, "many: no errors")
doctor.halt()
done()
