# SPDX-License-Identifier: Apache-2.0
"""The life of the whole program: nobody outlives the supervisor, whatever he
was doing, nor does it live on without its nursery; it reaps everything as
process 1, and keeps a service manager informed.
"""
import ctypes
import http.client
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()

web = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
mute = Scripted(silent)
# It accepts, and never says a word of TLS.
handshakes = []
mute_tls = Scripted(lambda connection, _: handshakes.append(
    connection.recv(1)) or silent(connection), read=False)
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
[check mute_tls]
url = https://127.0.0.1:{mute_tls.port}/
interval = 1h
timeout = 1m
[neighbours]
neighbour = other 127.0.0.1
"""

# ------------------------------------------------------- nobody outlives it


def gone(pids):
    return wait(lambda: not any(os.path.exists(f"/proc/{pid}")
                                for pid in pids))


# A kernel that ignores CLONE_PARENT, as gVisor does: tests/lib/harmed_worker.c
# has such a clone(2) as long as there is this file.
CHECKS = ["extra_one", "me_ingress", "me_service", "path"]
replace("/run/no-clone-parent", "")
undead = Doctor(INI, name="undead", program=harmed_program())
undead.wait_checks(CHECKS)
os.kill(undead.worker("nursery"), signal.SIGSTOP)
os.kill(undead.worker("extra"), signal.SIGKILL)

# On Linux it is one that somebody traces: its parent cannot reap it.
held = Doctor(INI, name="held")
held.wait_checks(CHECKS)
victim = held.worker("extra")
PTRACE_SEIZE = 0x4206
traced = ctypes.CDLL(None, use_errno=True).ptrace(
    PTRACE_SEIZE, victim, None, None) == 0
if traced:
    os.kill(victim, signal.SIGKILL)
else:
    skip("a worker that is traced", os.strerror(ctypes.get_errno()))
    held.halt()

doctor = Doctor(INI, name="childless", program=harmed_program())
scrape = doctor.wait_checks(CHECKS)
equal(children(doctor.pid), [doctor.worker("nursery")],
      "CLONE_PARENT is ignored: the nursery is the only child")
like(doctor.log(), "level=info msg=.this kernel ignores CLONE_PARENT",
     "and it is said")
ok(all(scrape.checks(name) for name in CHECKS), "all are checked", scrape.text)
first = processes(doctor.pid)
os.kill(first["extra"], signal.SIGKILL)
os.kill(first["me_ingress"], signal.SIGSTOP)
harm(first["me_service"], "exit")


def replaced():
    scrape = doctor.metrics()
    return all(scrape.number("kubenurse_worker_restarts_total"
                             f'{{worker="{kind}",reason="{reason}"}}') == 1
               for kind, reason in (("extra", "signal"),
                                    ("me_ingress", "silent"),
                                    ("me_service", "exit"))) and \
        all(scrape.number(f'kubenurse_worker_up{{worker="{kind}"}}') == 1
            for kind in ("extra", "me_ingress", "me_service", "path"))


wait_ok(replaced, "who is killed, silent or exits is counted and replaced")
like(doctor.log(), "a worker exited. worker=me_service pid="
     rf"{first['me_service']} status=3\n", "with its exit status")
cpu = doctor.metrics().select(
    'kubenurse_worker_cpu_seconds_total{worker="me_service"}')
ok(all(cpu.values()) and cpu, "and its processor time", cpu)
second = processes(doctor.pid)
equal(second["path"], first["path"], "the others did not notice, though the "
      "nursery has renewed itself")
os.kill(second["path"], signal.SIGKILL)
wait_ok(lambda: processes(doctor.pid).get("path") not in (None, second["path"]),
        "whoever was born before that is reaped, too")
born = set(processes(doctor.pid).values())
os.kill(doctor.pid, signal.SIGKILL)
doctor.wait()
ok(gone(born), "a supervisor that is killed leaves nobody there either")
doctor = Doctor(INI.replace("60s", "0s"), name="childless-end",
                program=harmed_program())
doctor.wait_checks(CHECKS)
born = set(processes(doctor.pid).values())
doctor.send(signal.SIGTERM)
equal(doctor.wait(), 0, "and one that is asked to end ends well")
ok(gone(born), "leaving nobody")
os.unlink("/run/no-clone-parent")

doctor = Doctor(INI, name="killed", program=harmed_program())
scrape = doctor.wait_checks(["extra_one", "me_ingress", "me_service", "path"])
sizes = scrape.select("kubenurse_worker_resident_memory_bytes.*(extra|me_|path).*")
ok(len(sizes) == 4 and all(sizes.values()),
   "N 4.30 the size of a worker is known with its first check", sizes)
wait(lambda: mute.requests and handshakes)
ok(mute.requests and handshakes, "an answer and a TLS handshake are waited for")
family = children(doctor.pid)
equal(len(family), 6, "five workers and a nursery")
os.kill(doctor.worker("me_ingress"), signal.SIGSTOP)
harm(doctor.worker("me_service"), "loop")
os.kill(doctor.worker("nursery"), signal.SIGSTOP)
os.kill(doctor.pid, signal.SIGKILL)
doctor.wait()
ok(gone(family), "a supervisor that is killed leaves nobody: not who is "
   "stopped, loops, waits or shakes hands, nor the nursery, which is stopped")

doctor = Doctor(INI, name="halted", program=harmed_program())
doctor.wait_checks(["extra_one", "me_ingress", "me_service", "path"])
family = children(doctor.pid)
os.kill(doctor.worker("me_ingress"), signal.SIGSTOP)
harm(doctor.worker("me_service"), "loop")
os.kill(doctor.worker("nursery"), signal.SIGSTOP)
equal(doctor.halt(), 1, "a second signal ends it at once, exit status 1")
ok(gone(family), "which leaves nobody either")

doctor = Doctor(INI, name="orphaned")
doctor.wait_checks(["extra_one"])
family = children(doctor.pid)
os.kill(doctor.worker("nursery"), signal.SIGKILL)
equal(doctor.wait(), 1, "without a nursery it ends, exit status 1")
like(doctor.log(), "nursery has ended", "and says why")
ok(gone(family), "it leaves nobody either")

# what was built with a umask of 077: root may execute it, nobody may not
os.makedirs(f"{WORK}/closed")
for program in ("kubenurse", "kubenurse-worker"):
    shutil.copy(f"{BUILD}/{program}", f"{WORK}/closed")
os.chmod(f"{WORK}/closed/kubenurse-worker", 0o700)
doctor = Doctor(INI, name="closed", program=f"{WORK}/closed/kubenurse")
equal(doctor.wait(), 1, "a worker program that it may not execute: status 1")
like(doctor.log(), "level=error msg=.cannot start. .*kubenurse-worker.*"
     "Permission denied", "and it says which, and why")
ok(not doctor.said("kubenurse is up"), "and never that it is up")

# root of a user namespace that knows nobody else
ALONE = ("unshare", "--user", "--map-root-user")
if subprocess.run([*ALONE, "true"], check=False,
                  stderr=subprocess.DEVNULL).returncode:
    skip("a user who cannot be had", "there are no user namespaces here")
else:
    doctor = Doctor(INI, name="alone", wrapper=ALONE)
    equal(doctor.wait(), 1, "a user who cannot be had: exit status 1")
    like(doctor.log(), "level=error msg=.cannot become the user. user=nobody "
         "error=.*hint=.*user = root", "and it says what to do")
    doctor = Doctor(INI.replace("60s", "0s\nuser = root"), name="rootless",
                    wrapper=ALONE)
    doctor.wait_checks(["extra_one"])
    equal(doctor.results()["extra_one"], "ok",
          "with user = root it checks there")
    doctor.halt()

# by somebody who ignores the ends of his children, which is inherited
DEAF = """import os, signal, sys
for number in (signal.SIGCHLD, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)
os.execv(sys.argv[1], sys.argv[1:])
"""
doctor = Doctor(INI, name="deaf", wrapper=(sys.executable, "-c", DEAF))
doctor.wait_checks(["extra_one"])
first = doctor.worker("extra")
os.kill(first, signal.SIGKILL)
wait_ok(lambda: doctor.worker("extra") not in (None, first),
        "started with SIGCHLD ignored: a worker that dies is replaced")
equal(doctor.metrics().number(
    'kubenurse_worker_restarts_total{worker="extra",reason="signal"}'), 1,
    "and counted")
doctor.send(signal.SIGTERM)
wait_ok(lambda: doctor.status("/ready") == 503, "and SIGTERM is heard")
doctor.halt()

doctor = Doctor(INI.replace("[kubenurse]\n", "[kubenurse]\nuser = no-such\n"),
                name="nameless")
equal(doctor.wait(), 1, "a user that does not exist: exit status 1")
like(doctor.log(), "cannot become the user. user=no-such error=.there is no "
     "such user", "and is said")

# Who the users are takes its time to find out: the start waits for it.
NAMES = "/etc/nsswitch.conf"
if not os.path.exists(NAMES):
    replace(NAMES, "passwd: files\ngroup: files\n")
os.rename(NAMES, f"{NAMES}.here")
os.mkfifo(NAMES, 0o644)
doctor = Doctor(INI.replace("60s", "0s"), name="early")
# there is somebody who reads
asked = wait(lambda: doctor.said("is up") or
             os.open(NAMES, os.O_WRONLY | os.O_NONBLOCK))
if isinstance(asked, int):
    doctor.send(signal.SIGTERM)
    os.rename(f"{NAMES}.here", NAMES)  # for whoever asks again
    os.write(asked, b"passwd: files\ngroup: files\n")
    os.close(asked)
    equal(doctor.wait(), 0, "K 6.1 SIGTERM while it starts: exit status 0")
    like(doctor.log(), "is up.*shutting down", "once it has started")
else:
    skip("SIGTERM while it starts", "this C library has no nsswitch.conf")
    os.rename(f"{NAMES}.here", NAMES)
    doctor.halt()

# ---------------------------------------- without the three first descriptors

doctor = Doctor(INI, name="closed", wrapper=(
    "sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"))
doctor.wait_checks(["extra_one", "me_ingress", "me_service", "path"])
equal([os.readlink(f"/proc/{pid}/fd/2").split(":")[0] for pid in
       [doctor.pid, doctor.worker("extra"), doctor.worker("path")]],
      ["/dev/null", "pipe", "pipe"],
      "nothing else takes the place of a closed stderr")
equal(doctor.halt(), 1, "and it lives and dies as ever")

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

# ------------------------------------------- what was killed and does not end

for doctor in [undead] + [held] * traced:
    equal(doctor.wait(), 1, f"{doctor.name}: a worker whose end is never told "
          "ends the program, exit status 1")
    like(doctor.log(), "level=error msg=.a worker was killed and does not end, "
         r"and so this program must. worker=extra pid=\d+\n", "and it says why")

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
# A loop that does not turn: the manager hears nothing any more and would end it
# (tests/systemd/try-unit.sh sees it do so), and the liveness probe fails, too.
unit.send(signal.SIGSTOP)
manager.settimeout(0)
try:
    while True:
        manager.recv(4096)
except BlockingIOError:
    manager.settimeout(2)  # WATCHDOG=1 is due twice a second
try:
    said = manager.recv(4096)
except TimeoutError:
    said = None
equal(said, None, "a supervisor that hangs does not say that it is well")
probe = http.client.HTTPConnection("127.0.0.1", unit.port, timeout=1)
try:
    probe.request("GET", "/alwayshappy")
    answer = probe.getresponse().status
except TimeoutError:
    answer = None
equal(answer, None, "nor does the liveness probe get an answer")
unit.send(signal.SIGCONT)
manager.settimeout(DEADLINE_S)
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
