# SPDX-License-Identifier: Apache-2.0
# Runs alone: a process that is held by the scheduler must be held by this test.
"""A process that gets no processor is late rather than wrong: while it is held,
its answer comes; what is shown of the network ends there, by the kernel's
stamp, and the rest is this process's own.
"""
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
CHECKS, HOLD_S, STAMP_S = 3, 1, 0.01
held = []


def hold(connection, _):
    """Answers while the one who asked is stopped; real time is the point."""
    pid = doctor.worker("extra")
    wait(lambda: state(pid) == "S")  # it has seen its request written
    os.kill(pid, signal.SIGSTOP)
    wait(lambda: state(pid) == "T")
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    answered = time.monotonic()
    time.sleep(HOLD_S)
    held.append(time.monotonic() - answered)
    os.kill(pid, signal.SIGCONT)
    # An end of the connection that is read together with the answer has the
    # later stamp: it must not come yet.
    connection.recv(1)


def state(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(") ")[2][0]


server = Scripted(hold)
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 1500ms
shutdown_duration = 60s
neighbour_source = static
[check held]
url = http://127.0.0.1:{server.port}/
""")
doctor.up()
doctor.wait_checks(["held"], CHECKS)
metrics = doctor.settle()
count = metrics.checks("held")


def seconds(name, **labels):
    text = ",".join(f'{key}="{value}"' for key, value in labels.items())
    return float(metrics.number(f"kubenurse_{name}_sum{{{text}}}"))


checked = seconds("check_duration_seconds", type="held", outcome="ok")
local = seconds("phase_duration_seconds", type="held", phase="local")
shown = seconds("httpclient_request_duration_seconds", type="held")
late = seconds("scheduler_lateness_seconds", worker="extra")
least = sum(held[:int(count)]) - count * STAMP_S
ok(count >= CHECKS, "checks end, late", count)
equal(metrics.total("kubenurse_errors_total.*"), 0, "and none is an error")
equal(metrics.total("kubenurse_worker_restarts_total.*"), 0,
      "nor is the process to blame")
ok(local >= least, "the time without a processor is the phase local",
   f"{local} {least}")
ok(shown <= checked - least,
   "K 4.18 the request ends with the kernel's stamp of its answer",
   f"{shown} {checked} {least}")
ok(late >= least, "the lateness says how late", f"{late} {least}")
doctor.halt()
done()
