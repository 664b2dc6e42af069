# SPDX-License-Identifier: Apache-2.0
"""CONTRACT 3, IPv4 and IPv6, in namespaces with real IPv6: a host behind a link,
whose IPv6 is alive, slow, refused or dead; literals in URLs; the loser of a race
is no error and each event is there once.
"""
import os
import socket
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("nft", "ip")
V4, V6, DEAD6 = "198.51.100.2", "2001:db8::2", "2001:db8::dead"


def ip(*words):
    subprocess.run(("ip",) + words, check=True)


# the host at the other end of a link: a namespace held by a process
far = Process("far", "unshare", "--net", "sleep", "1000")
wait(lambda: os.readlink(f"/proc/{far.pid}/ns/net") !=
     os.readlink("/proc/self/ns/net"))
ip("link", "add", "near", "type", "veth", "peer", "name", "far", "netns",
   str(far.pid))
ip("addr", "add", "198.51.100.1/24", "dev", "near")
ip("addr", "add", "2001:db8::1/64", "dev", "near", "nodad")
ip("link", "set", "near", "up")
enter_far = ("nsenter", "--net", "--target", str(far.pid))
for words in (("link", "set", "lo", "up"), ("link", "set", "far", "up"),
              ("addr", "add", f"{V4}/24", "dev", "far"),
              ("addr", "add", f"{V6}/64", "dev", "far", "nodad"),
              ("addr", "add", f"{DEAD6}/64", "dev", "far", "nodad")):
    subprocess.run(enter_far + ("ip",) + words, check=True)
# what is sent to the dead address is not answered, not even by a reset
subprocess.run(enter_far + ("nft", "-f", "-"), check=True, text=True, input=f"""
table inet lab {{
    chain in {{
        type filter hook input priority 0
        ip6 daddr {DEAD6} tcp dport 1-65535 drop
    }}
}}
""")
SERVER = """
import socket, threading, sys
def serve(family, port):
    listener = socket.create_server(("", port), family=family, backlog=64)
    def run():
        while True:
            connection, _ = listener.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n"
                               b"Connection: close\\r\\n\\r\\n")
            connection.close()
    threading.Thread(target=run).start()
serve(socket.AF_INET, 80)
serve(socket.AF_INET6, 80)
serve(socket.AF_INET, 81)
serve(socket.AF_INET6, 82)
print("up", flush=True)
"""
server = Process("server", *enter_far, sys.executable, "-c", SERVER)
server.wait_said("up")

# name: its addresses of IPv4 and IPv6, and how late the answer for IPv6 is
ZONE = {
    "both": ([V4], [V6], 0), "dead6": ([V4], [DEAD6], 0),
    "only4": ([V4], [], 0), "only6": ([], [V6], 0),
    "late6": ([V4], [V6], 0.02), "never6": ([V4], None, 0),
    "many": ([V4], [DEAD6, "2001:db8::3", "2001:db8::4"], 0),
}


class Nameserver(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.start()

    def run(self):
        while True:
            query, sender = self.socket.recvfrom(2048)
            end = query.index(b"\0", 12) + 5
            name = query[13:13 + query[12]].decode().lower()
            kind = struct.unpack("!H", query[end - 4:end - 2])[0]
            four, six, late_s = ZONE[name]
            family = socket.AF_INET if kind == 1 else socket.AF_INET6
            addresses = four if kind == 1 else six
            if addresses is None:
                continue
            reply = query[:2] + struct.pack(
                "!HHHHH", 0x8180, 1, len(addresses), 0, 0) + query[12:end]
            for address in addresses:
                data = socket.inet_pton(family, address)
                reply += b"\xc0\x0c" + struct.pack(
                    "!HHIH", kind, 1, 5, len(data)) + data
            wait_s = late_s if kind == 28 else 0
            threading.Timer(wait_s, self.socket.sendto, (reply, sender)).start()


Nameserver()
replace("/etc/resolv.conf", "nameserver 127.0.0.1\n")
URLS = {name: f"http://{name}.test/" for name in ZONE}
URLS.update({
    "literal6": f"http://[{V6}]/", "literal6_port": f"http://[{V6}]:82/",
    "literal4": f"http://{V4}/", "scoped": "http://[fe80::1%25near]/",
    "refused6": "http://both.test:81/", "refused4": "http://both.test:82/",
    "refused_both": "http://both.test:83/", "dead_literal": f"http://[{DEAD6}]/",
})
subprocess.run(enter_far + ("ip", "addr", "add", "fe80::1/64", "dev", "far",
                            "nodad"), check=True)
doctor = Doctor("""[kubenurse]
listen = [::]:{port}
check_interval = 500ms
shutdown_duration = 60s
neighbour_source = static
neighbour_port = {port}
histogram_buckets = 0.015, 0.045, 0.2, 0.295, 0.45, 1
[neighbours]
neighbour = self6 ::1
""" + "".join(f"[check {name}]\nurl = {url}\n" for name, url in URLS.items()))
ok(doctor.up(), "N 1.10, K 2.1 [::] serves IPv4 too") or done()
ok(wait(lambda: doctor.metrics().checks("dead_literal") >= 1 and all(
    doctor.metrics().checks(name) >= 5 for name in URLS
    if name not in ("dead_literal", "never6")), 40), "each check has ended")
# A machine that is busy makes any check slow: there is one that was not.
DEAD_FIRST = ("dead6", "many")
AT_ONCE = ("both", "only4", "only6", "literal6", "refused6", "refused4")


def connected(scrape, name, bound):
    """How many checks had their connection by then."""
    return scrape.number(
        "kubenurse_httpclient_trace_request_duration_seconds_bucket"
        f'{{type="{name}",event="connect_done",le="{bound}"}}')


for names, bound, what in (
        (DEAD_FIRST, "0.45", "K 3.18 {name}: dead IPv6 costs 300 ms, not the "
         "check"), (AT_ONCE, "0.2", "K 3.18 {name}: waits for nobody"),
        (("late6",), "0.045", "RFC 8305: {name}: IPv6 that is a little late "
         "still goes first")):
    for name in names:
        wait_ok(lambda: connected(doctor.metrics(), name, bound) > 0,
                what.replace("{name}", name))
results = doctor.results()
metrics = doctor.settle()
FAILING = {"refused_both": "connect_done", "dead_literal": "connect_done"}


def events(name, event):
    return int(metrics.number(
        "kubenurse_httpclient_trace_request_duration_seconds_count"
        f'{{type="{name}",event="{event}"}}'))


for name in URLS:
    ended = metrics.checks(name)
    errors = metrics.select(f'kubenurse_errors_total{{type="{name}",.*}}')
    if name in FAILING:
        equal(errors, {f'kubenurse_errors_total{{type="{name}",'
                       f'event="{FAILING[name]}"}}': ended},
              f"F 3.19 {name}: one error a check")
    elif name != "never6":
        equal((errors, results[name]), ({}, "ok"), f"K 3.18 {name}: is well")
        for event in ("connect_start", "connect_done", "got_conn"):
            equal(events(name, event), ended,
                  f"F 3.19 {name}: {event} is observed once")
    check_sums(metrics, name)
for name in DEAD_FIRST:
    equal(connected(metrics, name, "0.295"), 0,
          f"{name}: and never less than its head start")
equal(connected(metrics, "late6", "0.015"), 0,
      "late6: and never before its answer")
ok('"path_self6": "ok"' in json.dumps(results),
   "K 3 a neighbour's IPv6 address gets brackets")
doctor.halt()
done()
