# SPDX-License-Identifier: Apache-2.0
"""Servers that do what a server should not, one check each: every failed check
is one error in its own phase, /alive says why, the phases sum to the whole,
and nothing is left open.
"""
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("nft")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def endless_headers(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-Filler: " + b"x" * 1000 + b"\r\n")


def endless_body(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    while True:
        connection.sendall(b"x" * 65536)


def dripping_body(connection, _):
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        connection.sendall(b"x")
        time.sleep(0.05)


def informational(count):
    return says(b"HTTP/1.1 103 Early Hints\r\n\r\n" * count + OK)


# name: (what the server does, the error's event or None, the code, /alive)
ROUND_TRIP = "round_trip_error"
SCRIPTS = {
    "reset": (reset, ROUND_TRIP, ROUND_TRIP, "reset"),
    "closes": (lambda *_: None, ROUND_TRIP, ROUND_TRIP, "closed"),
    "silent": (silent, ROUND_TRIP, ROUND_TRIP, "timeout"),
    "garbage": (says(b"\0\xff\x01" * 500), ROUND_TRIP, ROUND_TRIP, "^http: "),
    "not_http": (says(b"SSH-2.0-OpenSSH_9.2\r\n"), ROUND_TRIP, ROUND_TRIP,
                 "^http: "),
    "endless_headers": (endless_headers, ROUND_TRIP, ROUND_TRIP, "^http: "),
    "endless_body": (endless_body, None, "200", "^ok$"),
    "dripping_body": (dripping_body, ROUND_TRIP, "200", "timeout"),
    "truncated": (says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"),
                  ROUND_TRIP, "200", "."),
    "bad_chunks": (says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
                        b"\r\nzz\r\n"), ROUND_TRIP, "200", "^http: "),
    "not_found": (says(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
                  "status_code_404", "404", "^404 Not Found$"),
    "odd_status": (says(b"HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n"),
                   "status_code_599", "599", "^599"),
    "early_hints": (informational(100), None, "200", "^ok$"),
    "too_many_hints": (informational(101), ROUND_TRIP, ROUND_TRIP, "^http: "),
    "fine": (says(OK), None, "200", "^ok$"),
    "until_close": (says(b"HTTP/1.0 200 OK\r\n\r\nall of it"), None, "200",
                    "^ok$"),
    "moved_nowhere": (says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"),
                      "status_code_302", "302", "^302 Found$"),
}
cases = {name: case[1:] for name, case in SCRIPTS.items()}
servers = {name: Scripted(case[0]) for name, case in SCRIPTS.items()}
urls = {name: f"http://127.0.0.1:{server.port}/{name}"
        for name, server in servers.items()}

refused, dropped = free_ports(2)
urls["refused"] = f"http://127.0.0.1:{refused}/"
cases["refused"] = ("connect_done", ROUND_TRIP,
                    rf"^connect 127\.0\.0\.1:{refused}: Connection refused$")
subprocess.run(["nft", "-f", "-"], check=True, text=True, input=f"""
table inet lab {{
	chain input {{
		type filter hook input priority 0
		tcp dport {dropped} drop
	}}
}}
""")
urls["dropped"] = f"http://127.0.0.1:{dropped}/"
cases["dropped"] = ("connect_done", ROUND_TRIP,
                    rf"^connect 127\.0\.0\.1:{dropped}: .*(timeout|timed out)")
servers["answers_tls_in_plain"] = Scripted(
    lambda connection, _: (connection.recv(4096), connection.sendall(
        b"HTTP/1.1 400 Bad Request\r\n\r\n")), read=False)
urls["plain_on_tls"] = \
    f"https://127.0.0.1:{servers['answers_tls_in_plain'].port}/"
cases["plain_on_tls"] = ("tls_handshake_done", ROUND_TRIP, "^tls: .")
servers["silent_tls"] = Scripted(silent, read=False)
urls["silent_tls"] = f"https://127.0.0.1:{servers['silent_tls'].port}/"
cases["silent_tls"] = ("tls_handshake_done", ROUND_TRIP, "^tls: timeout$")
servers["reset_tls"] = Scripted(
    lambda connection, _: (connection.recv(4096), reset(connection)),
    read=False)
urls["reset_tls"] = f"https://127.0.0.1:{servers['reset_tls'].port}/"
cases["reset_tls"] = ("tls_handshake_done", ROUND_TRIP, "^tls: .*reset")
if os.path.exists("/proc/net/if_inet6"):
    servers["ipv6_literal"] = Scripted(says(OK), host="::1")
    urls["ipv6_literal"] = f"http://[::1]:{servers['ipv6_literal'].port}/"
    cases["ipv6_literal"] = (None, "200", "^ok$")
    urls["ipv6_refused"] = f"http://[::1]:{refused}/"
    cases["ipv6_refused"] = ("connect_done", ROUND_TRIP,
                             rf"^connect \[::1\]:{refused}: Connection refused")

CALM = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 200ms
shutdown_duration = 60s
neighbour_source = static
[check calm]
url = {urls['fine']}
interval = 1h
"""
STORM = CALM + "".join(f"""[check {name}]
url = {url}
timeout = 600ms
""" for name, url in urls.items())

doctor = Doctor(CALM)
doctor.wait_checks(["calm"])
worker = doctor.worker("extra")


def open_sockets():
    return sorted(re.sub(r"\[\d+\]", "", name) for name in descriptors(worker))


# A connection lingers for 100 ms at most after its answer.
seen = []
wait(lambda: seen.append(open_sockets()) or
     len(seen) > 10 and all(one == seen[-1] for one in seen[-10:]))
before = seen[-1]
supervisor_before = len(descriptors(doctor.pid))

doctor.reload(STORM)
doctor.wait_checks(urls, 3)
alive = doctor.results()
for name, (_, _, text) in cases.items():
    like(alive[name], text, f"K 2.10 {name}: /alive says why")

doctor.reload(CALM)
equal(wait(lambda: open_sockets() == before) or open_sockets(), True,
      "the worker has no descriptor more than before")
wait_ok(lambda: len(descriptors(doctor.pid)) <= supervisor_before + 1,
        "nor has the supervisor")
equal(doctor.worker("extra"), worker, "it is still the same worker")

doctor.reload(STORM)
first = {name: doctor.metrics().checks(name) for name in urls}
wait(lambda: all(doctor.metrics().checks(name) >= first[name] + 2
                 for name in urls))
final = doctor.settle()
for name, (event, code, _) in cases.items():
    if event is None:
        ended = final.checks(name)
        errors = final.select(f'kubenurse_errors_total{{type="{name}",.*}}')
        requests = final.select(
            f'kubenurse_httpclient_requests_total{{type="{name}",.*}}')
        ok(ended >= 4 and not errors and list(requests.values()) == [ended],
           f"F 3.26 {name}: no error, one request a check",
           f"{ended} checks, {errors}, {requests}")
        check_sums(final, name)
    else:
        check_failure(final, name, event, code)
equal(final.total("kubenurse_samples_lost_total.*"), 0, "no check was lost")
equal(final.total("kubenurse_worker_restarts_total.*"), 0, "no worker died")
lines = [line for line in doctor.log().splitlines()
         if 'msg="check failed"' in line and "type=refused" in line]
ok(1 <= len(lines) <= 2, "a failure is said when it begins, not per check",
   "\n".join(lines))
equal(doctor.stop(), 1, "the second signal ends it at once, exit status 1")
done()
