# SPDX-License-Identifier: Apache-2.0
"""Redirects as an attack: a neighbour, a service and the targets of extra
checks lead the doctor to a server on its own loopback, which only local
programs may ask, and to strangers, who would like to see what it knows."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../lib"))
from lab import *  # noqa: E402,F403

enter()
be_at("10.8.0.0/24")
replace("/etc/hosts", "127.0.0.1 localhost\n127.0.0.1 here.test\n::1 here.test\n"
        "10.8.0.2 mixed.test\n10.8.0.3 stranger.test\n")
EVIL, STRANGER = "10.8.0.2", "10.8.0.3"
KEY, USER = "X-Api-Key: needle-key", "Authorization: Basic dTpw"


def answer(status, *lines):
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "Content-Length: 0", "", "")
                       ).encode()


def serves(host, act, port=0):
    """Keeps its connections, for reuse_connections."""
    def talk(connection, request):
        while True:
            target = request.split()[1].decode("latin-1")
            connection.sendall(act(target.split("?")[0]))
            request = b""
            while b"\r\n\r\n" not in request:
                piece = connection.recv(4096)
                if not piece:
                    return
                request += piece
            server.requests.append(request.decode("latin-1"))
    server = Scripted(talk, host=host, port=port)
    return server


# One answers as well as the other: what is asked for must not reach them.
def be_local(path):
    return answer("200 OK" if path == "/own" else "418 internal build 7.3.1")


local = serves("127.0.0.1", be_local)
local6 = serves("::1", be_local, local.port)
stranger = serves(STRANGER, lambda path: answer("418 internal build 7.3.1"))
LOCAL, OTHER = f"127.0.0.1:{local.port}", f"{STRANGER}:{stranger.port}"

# Extra checks, by their path: where they are led, and what is said of it.
LOOPBACK = "redirect is not followed: loopback address"
LED = {
    "loopback": (f"http://{LOCAL}/admin/restart?node=1", LOOPBACK),
    "ipv6": (f"http://[::1]:{local.port}/admin", LOOPBACK),
    "mapped": (f"http://[::ffff:127.0.0.1]:{local.port}/admin", LOOPBACK),
    "name": (f"http://here.test:{local.port}/admin", LOOPBACK),
    "localhost": (f"http://localhost:{local.port}/admin", LOOPBACK),
    "unspecified": (f"http://0.0.0.0:{local.port}/admin",
                    "redirect is not followed: unspecified address"),
    "unspecified6": (f"http://[::]:{local.port}/admin",
                     "redirect is not followed: unspecified address"),
    "metadata": ("http://169.254.169.254/latest/meta-data/",
                 "redirect is not followed: link-local address"),
    "stranger": (f"http://{OTHER}/stranger", "418"),
    "logs_in": (f"http://x:y@{OTHER}/logs_in", "418"),
    "port": ("http://{host}:{port2}/port", "ok"),
    "home": ("/arrived", "ok"),
    "blanks": ("/a b?c d \u00e9#e f", "ok"),
    "blanks_too": ("http://{host}:{port2}/g h\u00e9?i j ", "ok"),
}
SELF = ("loopback_may", f"http://127.0.0.1:{local.port}/own")


def lead(path):
    """What the server that has been taken over answers."""
    name = path.strip("/")
    if name == "alwayshappy":
        return answer("302 Found", f"Location: http://{LOCAL}/admin")
    if name in LED:
        where = LED[name][0].format(host=EVIL, port2=second.port)
        return answer("302 Found", f"Location: {where}")
    return answer("200 OK")


second = serves(EVIL, lambda path: answer("200 OK"))
evil = serves(EVIL, lead)
leads_home = serves("127.0.0.1", lambda path: answer(
    "302 Found", f"Location: {SELF[1]}"))
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 200ms
shutdown_duration = 0s
reuse_connections = true
neighbour_source = static
neighbour_port = {evil.port}
service_url = http://{EVIL}:{evil.port}
ingress_url = http://mixed.test:{evil.port}
[check kept]
url = http://here.test:{local.port}/own
[check {SELF[0]}]
url = http://127.0.0.1:{leads_home.port}/
""" + "".join(f"""[check {name}]
url = http://u:p@{EVIL}:{evil.port}/{name}?token=needle-token
header = {KEY}
""" for name in LED) + f"""[neighbours]
neighbour = evil {EVIL}
""")
doctor.up()
ELSEWHERE = "redirect to another host is not followed: 127.0.0.1"
wanted = {"path_evil": ELSEWHERE, "me_service": ELSEWHERE,
          "me_ingress": ELSEWHERE, "kept": "ok", SELF[0]: "ok",
          **{name: said for name, (_, said) in LED.items()}}
doctor.wait_checks(["path", *(set(wanted) - {"path_evil"})], 5)
results = doctor.results()
for name, said in wanted.items():
    equal(results.get(name), said, f"F 3.29 {name}: what /alive says")

asked = {line.split()[1] for line in local.requests + local6.requests}
equal(asked, {"/own"}, "F 3.30 nobody has asked this machine")

# ------------------------------------------------------------- what goes along

led = {request.split()[1].split("/")[1]: request
       for request in stranger.requests + second.requests}
for name in ("stranger", "logs_in", "port"):
    request = led.get(name, "")
    ok(request, f"{name}: it is followed")
    for what, needle in (("the header", "needle-key"), ("the query", "needle-t"),
                         ("the user", "Authorization")):
        ok(needle not in request, f"F 3.28 {name}: {what} stays at home", request)
    like(request, rf"(?m)^Referer: http://{EVIL}:{evil.port}/\r$",
         f"{name}: the Referer is the origin")
home = [request for request in evil.requests if "GET /arrived " in request]
ok(home and all(KEY in request and USER in request for request in home),
   "at home all of it is shown", home)

# ------------------------------------------------- what has to be encoded, is

for server, line in ((evil, "GET /a%20b?c+d+%C3%A9 HTTP/1.1"),
                     (second, "GET /g%20h%C3%A9?i+j HTTP/1.1")):
    ok(any(request.startswith(f"{line}\r\n") for request in server.requests),
       f"a Location with blanks: {line}", server.requests)

# -------------------------------------------------------------------- counts

metrics = doctor.metrics()
for name in ("path_evil", "me_service", "me_ingress"):
    checks = metrics.checks(name.removesuffix("_evil"))
    equal((metrics.select(f'kubenurse_errors_total{{type="{name}",.*}}'),
           metrics.select(f'kubenurse_httpclient_requests_total{{type="{name}",.*}}')),
          ({f'kubenurse_errors_total{{type="{name}",event="round_trip_error"}}':
            checks},
           {f'kubenurse_httpclient_requests_total{{type="{name}",code="302"}}':
            checks}), f"{name}: one error a check, and the code")
doctor.halt()
done()
