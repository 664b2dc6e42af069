# SPDX-License-Identifier: Apache-2.0
"""What a check costs in system calls, counted by strace while the real program
checks a real server: none is made in vain, and none twice.
"""
import collections
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("strace")
CHECKS = 20
# Over a new connection to an address, by http.  What else it may wait for: the
# connection, the answer, the server's end, the next check.
CALLS = {"socket": 1, "setsockopt": 2, "epoll_ctl": 1, "connect": 1,
         "getsockopt": 2, "sendto": 1, "recvmsg": 1, "write": 1, "close": 1}
WAITS_MAX = 4

server = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
                       b"Connection: close\r\n\r\nok"))
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
neighbour_source = static
[check calls]
url = http://127.0.0.1:{server.port}/
interval = 100ms
""")


def trace(pid, name, until):
    """The names of its calls, in their order, until that is true."""
    path = f"{WORK}/{name}.trace"
    tracer = Process(name, "strace", "-p", str(pid), "-o", path)
    tracer.wait_said("attached")
    if not tracer.said("attached"):
        skip_all(f"may not trace: {tracer.log()}")
    wait(until)
    tracer.stop(signal.SIGINT)
    with open(path, encoding="ascii", errors="replace") as lines:
        return re.findall(r"^(\w+)\(.*", lines.read(), re.M)


doctor.up()
first = doctor.wait_checks(["calls"], 3).checks("calls")
calls = trace(doctor.worker("extra"), "worker",
              lambda: doctor.metrics().checks("calls") >= first + CHECKS)
# whole checks alone, each from its socket(2) on; heartbeats come in between
starts = [i for i, call in enumerate(calls) if call == "socket"]
checks = [collections.Counter(calls[a:b]) for a, b in zip(starts, starts[1:])]
ok(len(checks) >= CHECKS // 2, "checks are seen from start to end", calls)
for name, count in CALLS.items():
    typical = sorted(check[name] for check in checks)[len(checks) // 2]
    equal(typical, count, f"{name}: so often in a check")
others = collections.Counter()
for check in checks:
    others.update({name: count for name, count in check.items()
                   if name not in CALLS and not name.startswith("epoll_")})
equal(dict(others), {}, "no other call is made")
heartbeats = sum(check["write"] - 1 for check in checks)
waits = sum(count for check in checks for name, count in check.items()
            if name.startswith("epoll_") and name != "epoll_ctl")
ok(waits <= WAITS_MAX * len(checks) + heartbeats + 1,
   "it waits for what it needs, and is not woken for more",
   f"{waits} times in {len(checks)} checks with {heartbeats} heartbeats")

done()
