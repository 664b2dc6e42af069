# SPDX-License-Identifier: Apache-2.0
"""All processes are frozen for FREEZE_SECONDS, as a virtual machine is, longer
than any check may take, while each check waits for something else: for a name,
a connection's TLS, an answer, a redirect.  What it waits for comes meanwhile.
Nobody is blamed for it afterwards, neither a worker nor the network, nothing is
lost, what was missed is not made up for, and the lateness says it.
"""
import os
import signal
import ssl
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
SECONDS = float(os.environ.get("FREEZE_SECONDS", "7"))  # a check may take 6
INTERVAL_S = 0.5
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
NAMES = ("named", "secure", "answered", "moved", "dead")
frozen = threading.Event()
may_hold = threading.Event()
waiting, asked = set(), []


def hold(name):
    """The first one since it may is held until all is frozen."""
    if may_hold.is_set() and not frozen.is_set() and name not in waiting:
        waiting.add(name)
        frozen.wait()


def answer(connection, request):
    connection.settimeout(SECONDS + DEADLINE_S)
    name = request.split()[1].decode()[1:]
    asked.append((time.monotonic(), name))
    if name == "dead" and may_hold.is_set() and not frozen.is_set():
        hold(name)
        return silent(connection)  # that one is never answered
    if name in ("answered", "moved"):
        hold(name)
    return connection.sendall(OK if name != "moved" else OK.replace(
        b"200 OK\r\n", b"302 Found\r\nLocation: /there\r\n"))


def shake_hands(connection, _):
    connection.settimeout(SECONDS + DEADLINE_S)
    hold("secure")
    with context.wrap_socket(connection, server_side=True) as secured:
        answer(secured, secured.recv(4096))


def serve_names():
    while True:
        query, sender = names.recvfrom(2048)
        threading.Thread(target=tell, args=(query, sender),
                         daemon=True).start()


def tell(query, sender):
    end = query.index(b"\0", 12) + 5
    is_a = struct.unpack("!H", query[end - 4:end - 2])[0] == 1
    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + \
        socket.inet_aton("127.0.0.1") if is_a else b""
    if is_a:
        hold("named")
    names.sendto(query[:2] + struct.pack("!HHHHH", 0x8180, 1, int(is_a), 0, 0) +
                 query[12:end] + record, sender)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(") ")[2][0]


authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("server", "IP:127.0.0.1"))
plain, secure = Scripted(answer), Scripted(shake_hands, read=False)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.53", 53))
threading.Thread(target=serve_names, daemon=True).start()
replace("/etc/resolv.conf", "nameserver 127.0.0.53\n")
PLACES = {"named": f"http://web.test:{plain.port}",
          "secure": f"https://127.0.0.1:{secure.port}"}
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = {INTERVAL_S * 1000:.0f}ms
shutdown_duration = 60s
neighbour_source = static
extra_ca = {authority.path}
service_url = http://127.0.0.1:{plain.port}
""" + "".join(f"""[check {name}]
url = {PLACES.get(name, f"http://127.0.0.1:{plain.port}")}/{name}
""" for name in NAMES))
doctor.wait_checks(NAMES)
may_hold.set()
wait_ok(lambda: waiting == set(NAMES), "each check waits for what it waits for")
before, family = doctor.metrics(), children(doctor.pid)
pids = [doctor.pid] + family
for pid in pids:
    os.kill(pid, signal.SIGSTOP)
wait(lambda: all(state(pid) == "T" for pid in pids))
frozen.set()
time.sleep(SECONDS)  # real time is the point
woken = time.monotonic()
for pid in pids:
    os.kill(pid, signal.SIGCONT)
counts = {name: before.checks(name) for name in NAMES}
doctor.wait_metric('kubenurse_errors_total{type="dead",.*}')
after = doctor.wait_checks(NAMES, max(counts.values()) + 3)
elapsed = time.monotonic() - woken

for name in NAMES:
    errors = after.select(f'kubenurse_errors_total{{type="{name}",.*}}')
    equal(int(sum(errors.values())), int(name == "dead"),
          f"{name}: what came while it was frozen is no error" if
          name != "dead" else "dead: what did not come is an error, once")
    often = sum(who == name and when > woken for when, who in asked)
    ok(often <= elapsed / INTERVAL_S + 2,
       f"{name}: no burst of what was missed", f"{often} in {elapsed} s")
equal((children(doctor.pid), after.total("kubenurse_worker_restarts_total.*")),
      (family, 0), "no worker is blamed")
equal(after.total("kubenurse_samples_lost_total.*"), 0, "no check is lost")
for worker in ("extra", "me_service"):
    series = f'kubenurse_scheduler_lateness_seconds_sum{{worker="{worker}"}}'
    late = after.number(series) - before.number(series)
    ok(late >= SECONDS - 2 * INTERVAL_S, f"N 4.31 {worker}: the lateness says it",
       f"{late} s")
    print(f"# {worker}: {late} s late after {SECONDS:g} s")
final = doctor.settle()


def counted(name):
    return int(final.number(f'kubenurse_{name}_total{{worker="extra"}}'))


results = sum(final.checks(name) for name in NAMES)
equal(counted("checks_started"), results + counted("samples_lost") +
      counted("checks_uncounted"), "each check that was begun is accounted for")
doctor.halt()
done()
