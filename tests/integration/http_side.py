# SPDX-License-Identifier: Apache-2.0
"""The HTTP side as curl, a hostile client and a patient one see it, with two
thousand quiet connections open; then the end of the program.
"""
import gzip
import os
import resource
import select
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("curl")
resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))

web = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}, [::1]:{{port}}
check_interval = 100ms
shutdown_duration = 1s
service_url = http://127.0.0.1:{web.port}
neighbour_source = static
"""
doctor = Doctor(INI)
doctor.wait_checks(["me_service"])
wait(lambda: doctor.status("/alive") == 200)


def curl(path, *words, host="127.0.0.1"):
    """(status, {lower-case header: value}, body)"""
    out = subprocess.run(
        ["curl", "--silent", "--include", "--max-time", "10", "--noproxy", "*",
         "--path-as-is", *words, f"http://{host}:{doctor.port}{path}"],
        capture_output=True).stdout
    head, _, body = out.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    return (int(lines[0].split()[1]) if out else None,
            {name.lower(): value.strip() for name, _, value in
             (line.partition(":") for line in lines[1:])}, body)


TEXT = "text/plain; charset=utf-8"
for path, status, kind in (
        ("/alwayshappy", 200, None), ("/ready", 200, None),
        ("/alive", 200, TEXT), ("/alive?x=y", 200, TEXT),
        ("/metrics", 200, "text/plain; version=0.0.4; charset=utf-8"),
        ("/%61live", 200, TEXT)):
    got, headers, body = curl(path)
    equal((got, headers.get("content-type")), (status, kind), f"K 2.3, F 2.22 GET {path}")
    got, headers, body = curl(path, "--head")
    equal((got, body), (status, b""), f"HEAD {path}: the same without a body")
for path in ("/", "/x?y", "/ALIVE", "/alive/", "/metrics/", "//alive",
             "/a/../alive"):
    got, headers, body = curl(path)
    equal((got, headers.get("location")), (301, "/alive"), f"K 2.18, F 2.19 {path}: 301")
like(body.decode(), '<a href="/alive">Moved Permanently</a>', "with a link")
equal(curl("/alive", host="[::1]")[0], 200, "K 2.1 by IPv6 too")
for method in ("POST", "PUT", "DELETE", "TRACE", "FOO"):
    got, headers, _ = curl("/alive", "--request", method)
    equal((got, headers.get("allow")), (405, "GET, HEAD"), f"F 2.20 {method}: 405")
for path in ("/", "/alive", "/metrics", "/x"):
    got, headers, body = curl(path, "--request", "OPTIONS")
    equal((got, headers.get("allow"), body), (204, "GET, HEAD", b""),
          f"OPTIONS {path}: 204 with Allow")
equal(curl("/alive", "--data", "x" * 100000)[0], 405, "POST with a body")
equal(curl("/alive", "--header", "X-Long: " + "x" * 40000)[0], 431,
      "F 2.21 headers that are too long")
plain = curl("/metrics")[2]
got, headers, body = curl("/metrics", "--header", "Accept-Encoding: gzip")
ok(headers.get("content-encoding") == "gzip" and
   gzip.decompress(body).startswith(plain[:40]), "N 2.17 /metrics by gzip", headers)
ok("content-encoding" not in curl("/metrics")[1], "N 2.17 only when asked for")
got, headers, body = curl("/alive", "--header", "Authorization: Bearer hush",
                          "--header", "Cookie: hush", "--header", "X-a: b")
told = json.loads(body)
equal(list(told), ["hostname", "headers", "user_agent", "request_uri",
                   "remote_addr", "last_check_result", "last_check_ended"],
      "/alive: its keys")
like(told["last_check_ended"]["me_service"],
     r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
     "/alive: when a check last ended")
equal(list(told["last_check_ended"]), ["me_service"],
      "/alive: of what is skipped there is no such time")
ok(b"hush" not in body and told["headers"]["Cookie"] == ["redacted"] and
   told["headers"]["X-A"] == ["b"], "F 2.15 /alive: no secrets", told["headers"])
equal(told["last_check_result"]["me_service"], "ok", "/alive: the result")
like(body.decode(), '"neighbourhood_state": "ok"', "K 2.13 /alive: as it is grepped")


def raw(data):
    """What comes back until the connection is closed."""
    with socket.create_connection(("127.0.0.1", doctor.port), 5) as client:
        client.settimeout(DEADLINE_S)
        got_ = b""
        try:
            client.sendall(data)
            while piece := client.recv(65536):
                got_ += piece
        except ConnectionResetError:
            pass
        return got_.decode("latin-1")


HOST = b"Host: x\r\nConnection: close\r\n\r\n"
for what, data, status in (
        ("no Host", b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("two Hosts", b"GET / HTTP/1.1\r\nHost: y\r\n" + HOST, 400),
        ("a negative length", b"GET / HTTP/1.1\r\nContent-Length: -1\r\n" +
         HOST, 400),
        ("a header without a name", b"GET / HTTP/1.1\r\n: x\r\n" + HOST, 400),
        ("rubbish", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\r\n\r\n", 400),
        ("HTTP/1.0", b"GET /alwayshappy HTTP/1.0\r\n\r\n", 200),
        ("absolute form", b"GET http://x/ready HTTP/1.1\r\n" + HOST, 200)):
    like(raw(data), rf"^HTTP/1\.[01] {status} ", f"F 2.21 {what}: {status}")
for origin in ("node-a", "node-b", "node-a"):
    curl("/alwayshappy", "--header", f"Kubenurse-Neighbour-Origin: {origin}")
equal(doctor.metrics()["kubenurse_neighbourhood_incoming_checks"], "2",
      "K 2.4, K 4.6 incoming checks are counted by origin")

# -------------------------------------------------- idle, slow and honest ones

# The connection limit closes the one that was quiet longest: never others.
idle = [socket.create_connection(("127.0.0.1", doctor.port), 10)
        for _ in range(2000)]
slow = socket.create_connection(("127.0.0.1", doctor.port), 10)
began = time.monotonic()
request = iter(b"GET /alwayshappy HTTP/1.1\r\nHost: somewhere\r\nX-Y: z\r\n")
watch = select.poll()
watch.register(slow, select.POLLIN | select.POLLRDHUP)
worst = 0
cut_off = None
while cut_off is None and time.monotonic() - began < 10:
    try:
        slow.send(bytes([next(request)]))
    except OSError:
        cut_off = time.monotonic() - began
        break
    next_byte = time.monotonic() + 1
    while cut_off is None and time.monotonic() < next_byte:
        start = time.monotonic()
        if doctor.status("/alwayshappy") != 200:
            worst = float("inf")
        worst = max(worst, time.monotonic() - start)
        if watch.poll(20):
            cut_off = time.monotonic() - began
ok(cut_off and 4.5 < cut_off < 6,
   "K 2.2 a client that sends a byte a second is cut off after 5 s", cut_off)
ok(worst < 0.5, "an honest one is served all the time", f"{worst} s")
wait_ok(lambda: all(client.recv(1, socket.MSG_DONTWAIT) == b""
                    for client in idle),
        "those who say nothing are cut off, too")
kept = [socket.create_connection(("127.0.0.1", doctor.port), 10)
        for _ in range(300)]
for turn in range(2):
    for client in kept:
        client.sendall(b"GET /ready HTTP/1.1\r\nHost: x\r\n\r\n")
    ok(all(client.recv(1000).startswith(b"HTTP/1.1 200") for client in kept),
       f"three hundred clients stay between two requests: {turn + 1}")

# -------------------------------------------------------------------- the end

began = time.monotonic()
doctor.send(signal.SIGTERM)
wait_ok(lambda: doctor.status("/ready") == 503, "K 2.6, K 6.1 /ready is 503 at once", 0.5)
ok(time.monotonic() - began < 0.5, "really at once")
equal([doctor.status(path) for path in ("/alive", "/alwayshappy", "/metrics")],
      [200, 200, 200], "K 6.1 all else is served")
wait(lambda: not [pid for pid in children(doctor.pid)
                  if "nursery" not in title(pid)])
after = doctor.metrics()
begun = after.total("kubenurse_checks_started_total.*")
equal(after.total("kubenurse_errors_total.*"), 0,
      "F 6.4 checks cut short count nowhere")
equal(doctor.wait(), 0, "exit status 0")
took = time.monotonic() - began
ok(0.9 < took < 3, "K 6.3 after its shutdown duration; nobody delays it", took)
# the server's threads may come to the last one late, but to no more than those
ok(len(web.requests) <= begun, "and no check was begun meanwhile",
   f"{len(web.requests)} requests of {begun} checks")

doctor = Doctor(INI.replace("= 1s", "= 1m"), name="impatient")
doctor.wait_checks(["me_service"])
doctor.send(signal.SIGINT)
wait(lambda: doctor.status("/ready") == 503)
began = time.monotonic()
doctor.send(signal.SIGTERM)
equal(doctor.wait(), 1, "N 6.5 a second signal: exit status 1")
ok(time.monotonic() - began < 1, "at once")
done()
