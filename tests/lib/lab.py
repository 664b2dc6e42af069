# SPDX-License-Identifier: Apache-2.0
"""What the integration tests in Python have in common.

enter() moves the test into a network and a mount namespace of its own: only
loopback is there, /run and /etc are copies, so that a test may write
resolv.conf, hosts and a service account's token without anyone noticing, and
nothing can leave.  Then ok, equal and like say what should be true, in TAP,
and done() closes.  Nothing waits for time: wait() polls with a deadline.
Processes are ended by their ids when the test ends, however it ends.
"""
import atexit
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from decimal import Decimal

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.getcwd())
WORK = "/run/work"  # in a /run of our own
DEADLINE_S = float(os.environ.get("DEADLINE_S", "20"))
ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"

_count = 0
_failed = 0
_lock = threading.Lock()  # a test may have threads that say what is true
_processes = []

# ------------------------------------------------------------------ asserting


def ok(condition, name, detail=""):
    global _count, _failed
    with _lock:
        _count += 1
        print(f"{'ok' if condition else 'not ok'} {_count} - {name}",
              flush=True)
        if not condition:
            _failed += 1
            for line in str(detail).splitlines()[:60]:
                print(f"#   {line}", flush=True)
    return bool(condition)


def equal(is_, wanted, name):
    return ok(is_ == wanted, name, f"is:        {is_!r}\nshould be: {wanted!r}")


def like(text, ere, name):
    return ok(re.search(ere, text, re.S), name,
              f"is:           {text!r}\nshould match: {ere!r}")


def skip_all(why):
    if os.environ.get("TESTS_NO_SKIP"):
        print(f"1..1\nnot ok 1 - {why} (and may not be skipped)")
        sys.exit(1)
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def skip(name, why):
    """One thing that cannot be tried here; the others go on."""
    global _count
    if os.environ.get("TESTS_NO_SKIP"):
        ok(False, f"{name}: may not be skipped", why)
    else:
        _count += 1
        print(f"ok {_count} - {name} # SKIP {why}", flush=True)


def need(*programs):
    for program in programs:
        if not shutil.which(program):
            skip_all(f"needs {program}")


def done():
    for process in _processes:
        found = process.said("Sanitizer|runtime error:")
        if isinstance(process, Doctor) and found:
            ok(False, f"{process.name}: no sanitizer says anything")
    print(f"1..{_count}")
    sys.exit(1 if _failed else 0)


def wait(condition, seconds=None):
    """Until condition() is true; what it returned, or its last value."""
    end = time.monotonic() + (seconds or DEADLINE_S)
    while True:
        try:
            value = condition()
        except (OSError, http.client.HTTPException):
            value = None
        if value or time.monotonic() >= end:
            return value
        time.sleep(0.02)


def wait_ok(condition, name, seconds=None):
    return ok(wait(condition, seconds), name, "it did not come true in time")

# ------------------------------------------------------------------ namespaces


def be_at(network):
    """All its addresses are this host's, and of no interface: so they are not
    loopback, nor the doctor's own."""
    subprocess.run(("ip", "route", "add", "local", network, "dev", "lo"),
                   check=True)


def enter():
    """Runs the script anew where nobody else is."""
    if os.environ.get("LAB_INSIDE") == "1":
        return _furnish()
    way = ["unshare", "--net", "--mount", "--propagation", "private",
           "--pid", "--fork", "--kill-child", "--mount-proc"]
    try:
        possible = os.geteuid() == 0 and subprocess.run(
            way + ["ip", "link", "set", "lo", "up"],
            stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        possible = False
    if not possible:
        skip_all("needs root, and the right to make namespaces, and ip")
    os.environ["LAB_INSIDE"] = "1"
    # sh stays process 1, so that orphans are somebody's
    os.execvp(way[0], way + ["sh", "-c", '"$@"; exit $?', "sh",
                             sys.executable] + sys.argv)


def _furnish():
    def run(*words):
        subprocess.run(words, check=True)
    run("ip", "link", "set", "lo", "up")
    resolv_link = os.path.islink("/etc/resolv.conf")
    run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run")
    os.mkdir("/run/etc")
    run("cp", "-a", "/etc/.", "/run/etc/")
    run("mount", "--bind", "/run/etc", "/etc")
    if resolv_link:
        os.unlink("/etc/resolv.conf")
    if os.path.realpath("/var/run") != "/run":
        run("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/var/run")
    os.makedirs(WORK)
    os.chdir(WORK)
    replace("/etc/resolv.conf", "")
    replace("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    atexit.register(_clean)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def replace(path, text):
    """Writes a file the way careful programs do: by renaming a new one."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.chmod(path + ".new", 0o644)
    os.rename(path + ".new", path)

# ------------------------------------------------------------------- processes


class Process:
    """A program in the background; its output is WORK/NAME.log."""

    def __init__(self, name, *words, env=None, **more):
        self.name = name
        self.log_path = f"{WORK}/{name}.log"
        with open(self.log_path, "ab") as log:
            self.popen = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, env=env, cwd=WORK, **more)
        self.pid = self.popen.pid
        _processes.append(self)

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def said(self, ere):
        return re.search(ere, self.log())

    def wait_said(self, ere):
        return wait(lambda: self.said(ere) or self.popen.poll() is not None)

    def send(self, number):
        self.popen.send_signal(number)

    def wait(self, seconds=None):
        """The exit status; None when it does not end."""
        try:
            return self.popen.wait(seconds or DEADLINE_S)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, number=signal.SIGTERM):
        if self.popen.poll() is None:
            self.send(number)
        return self.wait()


def _clean():
    for process in _processes:
        if process.popen.poll() is None:
            process.popen.terminate()
    for process in _processes:
        try:
            process.popen.wait(3)
        except subprocess.TimeoutExpired:
            process.popen.kill()
            process.popen.wait()
    if not _failed:
        return
    for process in _processes:
        print(f"# --- {process.name}")
        for line in process.log().splitlines()[-40:]:
            print(f"#   {line}")


def start_server(name, port, *words, **more):
    """A server that is ready when it accepts connections at the port."""
    process = Process(name, *words, **more)

    def listens():
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    if not wait(lambda: process.popen.poll() is not None or listens()):
        raise SystemExit(f"{name} does not listen: {process.log()}")
    return process


def free_ports(count):
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def children(pid):
    """Of all its threads."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]


def title(pid):
    with open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().rstrip(b"\0").decode()


def processes(pid):
    """The process id of each kind, be its parent the nursery."""
    found = {}
    waiting = children(pid)
    while waiting:
        child = waiting.pop()
        try:
            kind = title(child).removeprefix("kubenurse: ")
            if kind == "nursery":
                waiting += children(child)
            found[kind] = child
        except FileNotFoundError:
            pass  # it has ended meanwhile
    return found


def pss_mib(pid):
    """What this process and its children hold."""
    total_kib = 0
    for one in [pid] + children(pid):
        with open(f"/proc/{one}/smaps_rollup", encoding="ascii") as file:
            total_kib += sum(int(line.split()[1]) for line in file
                             if line.startswith("Pss:"))
    return total_kib / 1024


def descriptors(pid):
    names = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            names.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return names

# ------------------------------------------------------------------ the doctor


class Metrics(dict):
    """A scrape: the text of each series, to its value's text."""

    def __init__(self, text):
        super().__init__()
        self.text = text
        for line in text.splitlines():
            if line and not line.startswith("#"):
                series, _, value = line.rpartition(" ")
                self[series] = value

    def number(self, series):
        return Decimal(self.get(series, "0"))

    def select(self, ere):
        return {series: Decimal(value) for series, value in self.items()
                if re.fullmatch(ere, series)}

    def total(self, ere):
        return sum(self.select(ere).values(), Decimal(0))

    def total_ns(self, ere):
        """The sum of some _sum: each is a whole number of nanoseconds."""
        return sum(int((value * 10 ** 9).to_integral_value())
                   for value in self.select(ere).values())

    def checks(self, name):
        """The checks of a type that have ended."""
        return int(self.total(
            f'kubenurse_check_duration_seconds_count{{type="{name}",.*}}'))


class Doctor(Process):
    """kubenurse with this configuration; {port} in it is its own."""

    def __init__(self, ini=None, name="doctor", env=None, port=None,
                 wrapper=(), program=f"{BUILD}/kubenurse", **more):
        self.port = port or free_ports(1)[0]
        self.ini_path = f"{WORK}/{name}.ini"
        words = list(wrapper) + [program]
        if ini is not None:
            self.write(ini)
            words += ["--config", self.ini_path]
        environment = {"PATH": os.environ["PATH"]}
        for key in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if key in os.environ:
                environment[key] = os.environ[key]
        environment.update(env or {})
        super().__init__(name, *words, env=environment, **more)

    def write(self, ini):
        """The file anew; the running program notices, or is told."""
        replace(self.ini_path, ini.replace("{port}", str(self.port)))

    def reload(self, ini):
        """Returns when the program has taken or refused it."""
        before = len(re.findall("reloaded|is refused", self.log()))
        self.write(ini)
        self.send(signal.SIGHUP)
        wait(lambda: len(re.findall("reloaded|is refused",
                                    self.log())) > before)

    def get(self, path, method="GET", headers=None):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection(
            "127.0.0.1", self.port, timeout=DEADLINE_S)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def status(self, path):
        return self.get(path)[0]

    def up(self):
        """True once it serves."""
        return wait(lambda: self.popen.poll() is not None or
                    self.status("/alwayshappy") == 200) and \
            self.popen.poll() is None

    def metrics(self):
        """A scrape.  There may be none: eight at a time are answered."""
        status, _, body = self.get("/metrics")
        if status != 200:
            raise http.client.HTTPException(f"/metrics: {status}")
        return Metrics(body.decode())

    def results(self):
        """What /alive says of each check, once the first round is over."""
        wait(lambda: self.status("/alive") == 200)
        return json.loads(self.get("/alive")[2])["last_check_result"]

    def wait_metric(self, ere, least=1):
        """Until the sum of these series is so much; the scrape."""
        found = []

        def there():
            found[:] = [self.metrics()]
            return found[0].total(ere) >= least
        wait(there)
        return found[0]

    def wait_checks(self, names, count=1):
        """Until each of these has ended so many checks; the scrape."""
        found = []

        def there():
            found[:] = [self.metrics()]
            return all(found[0].checks(name) >= count for name in names)
        wait(there)
        return found[0]

    def settle(self):
        """SIGTERM: checks end, and the counters stand still; the scrape."""
        self.send(signal.SIGTERM)
        wait(lambda: self.status("/ready") == 503 and not [
            pid for pid in children(self.pid)
            if "nursery" not in title(pid)])
        return self.metrics()

    def halt(self):
        """Ends it at once, whatever its shutdown duration."""
        self.send(signal.SIGTERM)
        self.send(signal.SIGINT)
        return self.wait()

    def worker(self, kind):
        """The process id; None when there is none."""
        return processes(self.pid).get(kind)


# What tests/lib/harmed_worker.c does when it gets the real-time signal of this
# number.
HARMS = ["loop", "grow", "half", "birth", "generation", "flood", "fill",
         "exit", "forge", "chatter", "abort"]


def harmed_program():
    """A kubenurse whose workers do harm when they are told to."""
    directory = f"{WORK}/harmed"
    if not os.path.exists(directory):
        os.makedirs(directory)
        shutil.copy(f"{BUILD}/kubenurse", directory)
        shutil.copy(f"{BUILD}/tests/lib/harmed_worker",
                    f"{directory}/kubenurse-worker")
    return f"{directory}/kubenurse"


def harm(pid, what):
    os.kill(pid, signal.SIGRTMIN + HARMS.index(what))


def check_sums(metrics, name, what=None):
    """The phases of a type are its time, to the nanosecond."""
    phases = metrics.total_ns(
        f'kubenurse_phase_duration_seconds_sum{{type="{name}",.*}}')
    whole = metrics.total_ns(
        f'kubenurse_check_duration_seconds_sum{{type="{name}",.*}}')
    ok(whole > 0 and phases == whole,
       f"N 4.23 {what or name}: the phases sum to the checks, to the nanosecond",
       f"phases {phases} ns, checks {whole} ns")


def check_failure(metrics, name, event, code=None, count=None):
    """Each check failed once, there; code is what requests_total says."""
    ended = metrics.checks(name)
    errors = metrics.select(f'kubenurse_errors_total{{type="{name}",.*}}')
    ok(ended > 0 and (count is None or ended == count) and errors == {
        f'kubenurse_errors_total{{type="{name}",event="{event}"}}': ended},
       f"K 4.4, F 4.5 {name}: one error a check, {event}", f"{ended} checks, {errors}")
    requests = metrics.select(
        f'kubenurse_httpclient_requests_total{{type="{name}",.*}}')
    series = f'kubenurse_httpclient_requests_total{{type="{name}",code="{code}"}}'
    if code is not None:
        ok(requests == {series: ended},
           f"K 4.1 {name}: requests_total says {code}", f"{ended}, {requests}")
    check_sums(metrics, name)

# ------------------------------------------------------------- scripted servers


class Scripted:
    """Accepts on 127.0.0.1 or ::1 and does with each connection what
    act(socket, request) says, in a thread of its own; request is what came
    until the blank line, or None when read is False."""

    def __init__(self, act, read=True, host="127.0.0.1", context=None,
                 port=0):
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family,
                                             backlog=128)
        self.port = self.listener.getsockname()[1]
        self.requests = []
        self.act, self.read, self.context = act, read, context
        self.start = lambda target, *args: threading.Thread(
            target=target, args=args, daemon=True).start()
        self.start(self._serve)

    def _serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return  # closed
            self.start(self._talk, connection)

    def _talk(self, connection):
        try:
            connection.settimeout(30)
            if self.context:
                connection = self.context.wrap_socket(connection,
                                                      server_side=True)
            request = None
            if self.read:
                request = b""
                while b"\r\n\r\n" not in request:
                    piece = connection.recv(4096)
                    if not piece:
                        break
                    request += piece
                self.requests.append(request.decode("latin-1"))
            self.act(connection, request)
        except OSError:
            pass
        finally:
            connection.close()


def says(answer):
    """What a scripted server may do: this answer, whatever was asked."""
    def act(connection, _):
        connection.sendall(answer)
    return act


def reset(connection, _=None):
    import struct
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack("ii", 1, 0))
    connection.close()


def silent(connection, _=None):
    connection.recv(1)
    while connection.recv(4096):
        pass

# ---------------------------------------------------------------- certificates


class Authority:
    """A CA made for the test: WORK/NAME.crt."""

    def __init__(self, name):
        self.name = name
        self.path = f"{WORK}/{name}.crt"
        _openssl("req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", f"/CN={name}", "-addext",
                 "keyUsage=critical,keyCertSign,cRLSign",  # Python 3.13 asks
                 "-keyout", f"{WORK}/{name}.key", "-out", self.path)
        os.chmod(self.path, 0o644)

    def issue(self, name, alternative, expired=False):
        """(certificate, key) of a server, chain included."""
        key, request, certificate = (f"{WORK}/{name}.{end}"
                                     for end in ("key", "csr", "crt"))
        _openssl("req", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", request)
        os.makedirs(f"{WORK}/{name}.ca", exist_ok=True)
        config = f"{WORK}/{name}.cnf"
        with open(config, "w", encoding="ascii") as file:
            file.write(f"""[ca]
default_ca = one
[one]
database = {WORK}/{name}.ca/index
new_certs_dir = {WORK}/{name}.ca
rand_serial = yes
default_md = sha256
policy = any
[any]
commonName = supplied
[server]
subjectAltName = {alternative}
authorityKeyIdentifier = keyid
""")
        with open(f"{WORK}/{name}.ca/index", "w", encoding="ascii"):
            pass
        end = "20200201000000Z" if expired else "20490101000000Z"
        _openssl("ca", "-batch", "-notext", "-config", config, "-extensions",
                 "server", "-cert", self.path, "-keyfile",
                 f"{WORK}/{self.name}.key", "-in", request, "-out",
                 certificate, "-startdate", "20200101000000Z", "-enddate",
                 end)
        return certificate, key


def _openssl(*words):
    subprocess.run(("openssl",) + words, check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
