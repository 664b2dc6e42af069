# SPDX-License-Identifier: Apache-2.0
"""Processes that die, hang or say nonsense: each is replaced, counted once and
for the right reason, no counter is lost, and nobody outlives the supervisor.
Then the supervisor as process 1, and before a service manager.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()

web = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
mute = Scripted(silent)
URL = f"http://127.0.0.1:{web.port}"
INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 60s
ingress_url = {URL}
service_url = {URL}
neighbour_source = static
neighbour_port = {web.port}
[check extra_one]
url = {URL}/
[check mute]
url = http://127.0.0.1:{mute.port}/
interval = 1h
timeout = 1m
[neighbours]
neighbour = other 127.0.0.1
"""
KINDS = {"me_ingress": "me_ingress", "me_service": "me_service",
         "path": "path_other", "extra": "extra_one"}


def requests(metrics, kind):
    return metrics.number("kubenurse_httpclient_requests_total"
                          f'{{type="{KINDS[kind]}",code="200"}}')


def stack_start(pid):
    """Where exec put the stack: another place after each."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[25]


def pipe_of(pid):
    """The worker's end of its pipe, opened once more."""
    for fd in os.listdir(f"/proc/{pid}/fd"):
        path = f"/proc/{pid}/fd/{fd}"
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
            writable = re.search(r"flags:\s+\d*[12]\n", info.read())
        if os.readlink(path).startswith("pipe:") and writable:
            return os.open(path, os.O_WRONLY)
    return None


def say(pid, nonsense):
    fd = pipe_of(pid)
    os.write(fd, nonsense)
    os.close(fd)


HARM = {
    "extra": ("signal", lambda pid: os.kill(pid, signal.SIGKILL)),
    "me_ingress": ("silent", lambda pid: os.kill(pid, signal.SIGSTOP)),
    "me_service": ("nonsense", lambda pid: say(pid, b"half")),
    "path": ("nonsense", lambda pid: say(pid, b"\xa5" * 4096)),
}

doctor = Doctor(INI)
doctor.wait_metric('kubenurse_httpclient_requests_total.*code="200".', 12)
wait(lambda: all(requests(doctor.metrics(), kind) >= 3 for kind in KINDS))
wait_ok(lambda: mute.requests, "a check of a mute server is under way")
nursery = doctor.worker("nursery")
nursery_before = stack_start(nursery)
before = doctor.metrics()
pids = {kind: doctor.worker(kind) for kind in KINDS}
ok(all(pids.values()), "each kind has its process", pids)
equal({kind: before[f'kubenurse_worker_up{{worker="{kind}"}}']
       for kind in KINDS}, dict.fromkeys(KINDS, "1"), "and is up")
for kind, (reason, harm) in HARM.items():
    harm(pids[kind])
began = time.monotonic()
gone = wait(lambda: not os.path.exists(f"/proc/{pids['me_ingress']}"))
took = time.monotonic() - began
# after how long to the nanosecond: tests/unit/test_worker_pool.c
ok(gone and took > 2, "a worker that hangs is killed, not before its time",
   took)
for kind, (reason, _) in HARM.items():
    series = f'kubenurse_worker_restarts_total{{worker="{kind}",' \
             f'reason="{reason}"}}'
    wait(lambda: doctor.worker(kind) and requests(doctor.metrics(), kind) >
         requests(before, kind) + 3)
    after = doctor.metrics()
    equal(after.select('kubenurse_worker_restarts_total.worker="'
                       f'{kind}",.*'), {series: 1},
          f"N 4.30 {kind}: one restart, {reason}")
    ok(requests(after, kind) > requests(before, kind) + 3,
       f"{kind}: it goes on, and its counters with it")
    ok(doctor.worker(kind) != pids[kind], f"{kind}: by another process")
    equal(after[f'kubenurse_worker_up{{worker="{kind}"}}'], "1",
          f"N 4.30 {kind}: up again")
    like(doctor.log(), f"level=error .*worker={kind}", f"{kind}: it is said")
equal(after.total(r'kubenurse_samples_lost_total\{worker="extra"\}'), 1,
      "N 4.30 the check that was under way is lost, and counted")
equal(after.total("kubenurse_errors_total.*"), 0, "and no error of anybody's")
equal(doctor.worker("nursery"), nursery, "the nursery is the same process")
ok(stack_start(nursery) != nursery_before, "which has executed itself anew")

family = children(doctor.pid)
os.kill(doctor.pid, signal.SIGKILL)
doctor.wait()
wait_ok(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family),
        "a supervisor that is killed leaves nobody")

doctor = Doctor(INI, name="orphaned")
doctor.wait_checks(["extra_one"])
family = children(doctor.pid)
os.kill(doctor.worker("nursery"), signal.SIGKILL)
equal(doctor.wait(), 1, "without a nursery it ends, exit status 1")
like(doctor.log(), "nursery has ended", "and says why")
wait_ok(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family),
        "it leaves nobody either")

# ---------------------------------------------------------------- process 1

first = Doctor(INI, name="first", wrapper=(
    "unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c",
    '(sleep 2 &); exec "$@"', "sh"))
first.wait_checks(["extra_one"])
inner = children(first.pid)[0]
orphans = [pid for pid in children(inner) if "sleep" in title(pid)]
equal(len(orphans), 1, "process 1 has inherited somebody's child")
with open(f"/proc/{inner}/status", encoding="ascii") as status:
    like(status.read(), r"NSpid:(\t\d+)*\t1\n", "it is process 1")
os.kill(orphans[0], signal.SIGKILL)
wait_ok(lambda: orphans[0] not in children(inner), "which it reaps")
wait_ok(lambda: len(children(inner)) == 6,
        "its own are all there")
os.kill(inner, signal.SIGTERM)
wait_ok(lambda: first.status("/ready") == 503, "SIGTERM reaches it")
os.kill(inner, signal.SIGTERM)
equal(first.wait(), 1, "and so does a second one")

# ------------------------------------------------------------ service manager

manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
manager.bind(f"{WORK}/notify")  # of root's: connected before user nobody is
manager.settimeout(DEADLINE_S)
heard = []


def hear(word):
    """All messages until the first with this line."""
    while True:
        try:
            message = manager.recv(4096).decode()
        except TimeoutError:
            return ok(False, f"{word} is heard", heard)
        heard.append(message)
        if word in message.splitlines():
            return ok(True, f"{word} is heard")


unit = Doctor(INI.replace("60s", "0s"), name="unit", env={
    "NOTIFY_SOCKET": f"{WORK}/notify", "WATCHDOG_USEC": "1000000"})
hear("READY=1")
equal(heard, heard[:1], "first of all")
like(heard[0], "STATUS=.", "with a status")
hear("WATCHDOG=1")
unit.send(signal.SIGHUP)
hear("RELOADING=1")
like(heard[-1], r"MONOTONIC_USEC=\d+", "with the time")
ok(0 <= time.monotonic() - int(re.search(r"USEC=(\d+)", heard[-1])[1]) / 1e6
   < DEADLINE_S, "which is the monotonic clock's")
hear("READY=1")
unit.send(signal.SIGTERM)
hear("STOPPING=1")
equal(unit.wait(), 0, "exit status 0")
done()
