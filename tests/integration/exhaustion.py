# SPDX-License-Identifier: Apache-2.0
# Takes long: each shortage has to pass again.
"""What every program needs, and what there is none of for a while:
descriptors, ports, memory, inotify, room on a disk.  Each time it is said
clearly, nobody dies of it, and all is well again when it has passed.
"""
import fcntl
import os
import resource
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl", "unshare")

OK = says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
web = Scripted(OK)
authority = Authority("authority")
identity = ssl.create_default_context(
    ssl.Purpose.CLIENT_AUTH)
identity.load_cert_chain(*authority.issue("secure", "IP:127.0.0.1"))
secure = Scripted(OK, context=identity)
# as root: who sets the limits of others must be the same user
INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
user = root
check_interval = 100ms
shutdown_duration = 0s
service_url = http://127.0.0.1:{web.port}
ingress_url = https://127.0.0.1:{secure.port}
extra_ca = {authority.path}
neighbour_source = static
"""
EXTRA = f"""[check extra]
url = http://127.0.0.1:{web.port}/extra
header_file = {WORK}/header
"""
CHECKS = ["me_service", "me_ingress"]


def restarts(metrics):
    return metrics.total("kubenurse_worker_restarts_total.*")


def errors(metrics, name, event):
    return metrics.number(
        f'kubenurse_errors_total{{type="{name}",event="{event}"}}')


def successes(metrics, name):
    return metrics.number("kubenurse_httpclient_requests_total"
                          f'{{type="{name}",code="200"}}')


def recovers(doctor, what):
    """Three more of each check are well, and the last result is."""
    before = doctor.metrics()

    def well():
        after = doctor.metrics()
        return all(successes(after, name) >= successes(before, name) + 3
                   for name in CHECKS) and \
            all(doctor.results()[name] == "ok" for name in CHECKS)
    wait_ok(well, f"{what}: all is well when it has passed")


class Limit:
    """A resource limit of a process that runs, as long as it holds."""

    def __init__(self, pid, kind, value):
        self.pid, self.kind = pid, kind
        self.old = resource.prlimit(pid, kind)
        resource.prlimit(pid, kind, (value, self.old[1]))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        try:
            resource.prlimit(self.pid, self.kind, self.old)
        except ProcessLookupError:
            pass  # it has ended of it


class Kept:
    """A connection that is there already when there are no more."""

    def __init__(self, doctor):
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", doctor.port, timeout=DEADLINE_S)
        self.metrics()

    def metrics(self):
        self.connection.request("GET", "/metrics")
        return Metrics(self.connection.getresponse().read().decode())


def asks(doctor, path="/alwayshappy"):
    """A client that has connected and asked, and waits."""
    client = socket.create_connection(("127.0.0.1", doctor.port), DEADLINE_S)
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n"
                   "Connection: close\r\n\r\n".encode())
    return client


def read_all(client):
    data = b""
    try:
        while piece := client.recv(65536):
            data += piece
    except ConnectionResetError:
        pass
    client.close()
    return data


doctor = Doctor(INI)
doctor.wait_checks(CHECKS, 3)
equal(set(doctor.results()[name] for name in CHECKS), {"ok"}, "at first")
sanitized = bool(doctor.said("built with sanitizers"))

# ------------------------------------------------------------------ descriptors

open_before = len(descriptors(doctor.pid))
idle = [socket.create_connection(("127.0.0.1", doctor.port), DEADLINE_S)
        for _ in range(3)]
for client in idle:
    client.sendall(b"GET /ready HTTP/1.1\r\nHost: a\r\n\r\n")
    client.recv(4096)
with Limit(doctor.pid, resource.RLIMIT_NOFILE, 5):
    waiting = [asks(doctor) for _ in range(3)]
    ok(doctor.wait_said("no new clients can be served for now.*"
                        "Too many open files"),
       "no descriptors for clients: it is said", doctor.log())
    ok(all(client.recv(1) == b"" for client in idle),
       "who is idle has to go: it might make room")
ok(all(read_all(client).startswith(b"HTTP/1.1 200 ") for client in waiting),
   "who waited is answered when there are descriptors again")
ok(doctor.wait_said("new clients can be served again"), "and this is said")
for client in idle:
    client.close()
wait_ok(lambda: len(descriptors(doctor.pid)) <= open_before,
        "and no descriptor is left open")
recovers(doctor, "descriptors for clients")

with Limit(doctor.worker("me_service"), resource.RLIMIT_NOFILE, 3):
    wait(lambda: errors(doctor.metrics(), "me_service", "connect_done") >= 2)
    like(doctor.results()["me_service"],
         r"^connect 127\.0\.0\.1:\d+: Too many open files$",
         "no descriptors in a worker: an error of the connect, with its text")
    equal(doctor.results()["me_ingress"], "ok", "the others do not notice")
recovers(doctor, "descriptors of a worker")
equal(restarts(doctor.metrics()), 0, "and nobody was restarted")

with Limit(doctor.pid, resource.RLIMIT_NOFILE, 5):
    os.kill(doctor.worker("me_service"), signal.SIGKILL)
    ok(doctor.wait_said("cannot start a worker.*Too many open files"),
       "no descriptors for a new worker: it is said", doctor.log())
recovers(doctor, "descriptors for a worker")

with Limit(doctor.worker("nursery"), resource.RLIMIT_NOFILE, 7):
    os.kill(doctor.worker("me_service"), signal.SIGKILL)
    ok(doctor.wait_said("the nursery could not start a worker.*"
                        "Too many open files"),
       "no descriptors in the nursery: it is said", doctor.log())
recovers(doctor, "descriptors of the nursery")

replace(f"{WORK}/header", "X-A: b\n")
doctor.reload(INI + EXTRA)
doctor.wait_checks(["extra"])
deprived = doctor.worker("extra")
with Limit(deprived, resource.RLIMIT_NOFILE, 3):
    doctor.reload(INI + EXTRA.replace("/extra", "/other"))
    ok(doctor.wait_said("no descriptors are left for the files of a check"),
       "no descriptors for a check's header file: its worker ends, and says so",
       doctor.log())
    wait_ok(lambda: any("/other" in one and "X-A: b" in one
                        for one in web.requests),
            "the next one checks as it is told, with the header")
doctor.reload(INI)
recovers(doctor, "descriptors for header files")

# ------------------------------------------------------------------------ ports

RANGE = "/proc/sys/net/ipv4/ip_local_port_range"  # of this namespace
with open(RANGE, encoding="ascii") as file:
    ports_before = file.read()
taken = socket.create_server(("127.0.0.1", 0))
kept = Kept(doctor)
before = kept.metrics()
with open(RANGE, "w", encoding="ascii") as file:
    file.write("{0} {0}\n".format(taken.getsockname()[1]))
wait(lambda: all(errors(kept.metrics(), name, "connect_done") >
                 errors(before, name, "connect_done") + 1 for name in CHECKS))
after = kept.metrics()
with open(RANGE, "w", encoding="ascii") as file:
    file.write(ports_before)
ok(all(errors(after, name, "connect_done") >
       errors(before, name, "connect_done") + 1 for name in CHECKS),
   "no local port: an error of the connect", after.text)
like(doctor.log(), "check failed.*Cannot assign requested address",
     "and it is said")
recovers(doctor, "local ports")
taken.close()

# ----------------------------------------------------------------------- memory


def mapped_bytes(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[0]) * resource.getpagesize()


before = doctor.metrics()
if sanitized:
    ok(True, "no memory: a sanitizer's allocator ends the process by itself")
else:
    with Limit(doctor.pid, resource.RLIMIT_AS, mapped_bytes(doctor.pid)):
        many = [asks(doctor, "/metrics") for _ in range(200)]
        answers = [read_all(client) for client in many]
        doctor.reload(INI.replace("100ms", "120ms"))
    ok(all(answer == b"" or
           re.match(rb"HTTP/1\.1 (200|503) ", answer) and
           (b" 200 " not in answer[:20] or answer.endswith(b"\r\n0\r\n\r\n"))
           for answer in answers),
       "no memory: 200 clients get all of it, 503, or nothing",
       [answer[:200] for answer in answers])
    ok(doctor.said("reloaded|is refused"), "a reload is done or refused")
    doctor.reload(INI)
    recovers(doctor, "memory of the supervisor")
    limits = [Limit(doctor.worker(name), resource.RLIMIT_AS,
                    mapped_bytes(doctor.worker(name))) for name in CHECKS]
    ended = {name: doctor.metrics().checks(name) for name in CHECKS}
    wait_ok(lambda: all(doctor.metrics().checks(name) >= ended[name] + 5
                        for name in CHECKS),
            "no memory in a worker: its checks go on, well or not")
    for limit in limits:
        limit.__exit__()
    recovers(doctor, "memory of the workers")
    equal(restarts(doctor.metrics()), restarts(before),
          "and nobody died of it")
ok(doctor.halt() is not None and not doctor.said("signal=SIG(SEGV|ABRT|ILL)"),
   "nobody died by a signal of its own")

# Too little of it from the start, at different moments of it.
if not sanitized:
    ended = {}
    for mebibytes in (6, 9, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 33, 36):
        small = Doctor(INI, name=f"small-{mebibytes}", wrapper=(
            "sh", "-c", 'ulimit -v "$1"; shift; exec "$@"', "sh",
            str(mebibytes * 1024)))
        if wait(lambda: small.popen.poll() is not None or
                small.said("kubenurse is up")) and \
                small.popen.poll() is None:
            small.halt()
        ended[mebibytes] = (small.wait(), bool(small.log().strip()))
    # 1: said no by itself; 127: the dynamic linker did; 0 and 1: it ran
    ok(all(status in (0, 1, 2, 127) and said
           for status, said in ended.values()),
       "too little memory to start: an exit status and a message", ended)
    ok(len(set(status for status, _ in ended.values())) > 1,
       "and this was tried from nothing to enough", ended)

# ---------------------------------------------------------------------- inotify

OWN_LIMITS = ("unshare", "--user", "--map-root-user")


def without_inotify(key, why):
    doctor = Doctor(INI, name=key, wrapper=(*OWN_LIMITS, "sh", "-c",
        f'echo 0 >/proc/sys/user/{key} && exec "$@"', "sh"))
    ok(doctor.up(), f"{key} = 0: it starts", doctor.log())
    like(doctor.log(), "can watch no more files: they are looked at every few "
         f"seconds.*{why}", f"{key} = 0: it is said")
    doctor.reload(INI.replace("100ms", "110ms"))
    ok(doctor.said("configuration reloaded"), f"{key} = 0: SIGHUP works")
    doctor.write(INI.replace("100ms", "130ms"))
    wait_ok(lambda: len(re.findall("configuration reloaded",
                                   doctor.log())) == 2,
            f"{key} = 0: a changed file is noticed all the same")
    doctor.halt()


for key, why in (("max_inotify_instances", "Too many open files"),
                 ("max_inotify_watches", "No space left on device")):
    if subprocess.run([*OWN_LIMITS, "true"], check=False,
                      stderr=subprocess.DEVNULL).returncode:
        skip(f"{key} = 0", "there are no user namespaces here")
    else:
        without_inotify(key, why)

# ------------------------------------------------------------------------- disk

for words in (["--print-config"], ["--check-config"], ["--version"],
              ["--help"]):
    with open("/dev/full", "wb") as full:
        done_ = subprocess.run(
            [f"{BUILD}/kubenurse", "--config", doctor.ini_path, *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    equal((done_.returncode, done_.stderr),
          (1, "kubenurse: cannot write the output: No space left on device\n"),
          f"{words[0]} to a full disk: exit status 1, and why")
os.mkdir("/run/small")
subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs",
                "/run/small"], check=True)
with open("/run/small/filler", "wb", buffering=0) as file:
    try:
        while file.write(b"x" * 4096):
            pass
    except OSError:
        pass
doctor = Doctor(INI, name="full-disk", wrapper=(
    "sh", "-c", 'exec "$@" 2>>/run/small/log', "sh"))
doctor.wait_checks(CHECKS, 3)
equal(set(doctor.results()[name] for name in CHECKS), {"ok"},
      "a log on a full disk delays nobody")
doctor.send(signal.SIGHUP)
os.unlink("/run/small/filler")


def logs_again():
    doctor.send(signal.SIGHUP)
    with open("/run/small/log", encoding="utf-8") as log:
        return "msg=\"configuration reloaded\"" in log.read()


wait_ok(logs_again, "and is written again when there is room")
doctor.halt()

# What a file may hold is another end of the room.
doctor = Doctor(INI, name="full-log", wrapper=(
    "sh", "-c", 'ulimit -f 1; exec "$@"', "sh"))
doctor.wait_checks(CHECKS, 3)
os.truncate(doctor.log_path, 1 << 20)
family = children(doctor.pid)
doctor.send(signal.SIGHUP)
recovers(doctor, "a log beyond RLIMIT_FSIZE")
equal(children(doctor.pid), family, "and nobody has died of it")
doctor.halt()

# A log that nobody reads: a pipe with room for some lines.
source, sink = os.pipe()
fcntl.fcntl(sink, fcntl.F_SETPIPE_SZ, 4096)
os.set_blocking(sink, False)
try:
    while os.write(sink, b"x" * 512):
        pass
except BlockingIOError:
    os.set_blocking(sink, True)
doctor = Doctor(INI, name="stalled-log", pass_fds=[sink], wrapper=(
    "sh", "-c", f'exec "$@" 2>&{sink} {sink}>&-', "sh"))
os.close(sink)
doctor.wait_checks(CHECKS, 3)
equal(set(doctor.results()[name] for name in CHECKS), {"ok"},
      "a log that nobody reads delays nobody")
seen = b""


def says_so():
    global seen
    doctor.send(signal.SIGHUP)
    seen += os.read(source, 65536)
    return re.search(rb"level=warn msg=.lines of the log were lost.*lines=\d+\n",
                     seen)


wait_ok(says_so, "and lost lines are counted when it is read again")
doctor.halt()
os.close(source)
done()
