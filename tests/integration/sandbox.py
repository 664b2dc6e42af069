# SPDX-License-Identifier: Apache-2.0
"""The whole program, locked in: every kind of check, reloads, renewed CAs and
tokens work as ever, the token is in no process that does not need it, and where
the kernel has less, the program says so and goes on, or does not start.
"""
import ctypes
import errno
import http.server
import os
import ssl
import struct
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

# Another program's turn: `sandbox.py --without CALL... -- PROGRAM...` executes
# it where these system calls are refused, --unknown where the kernel is too old
# to know them; prctl:22 is one with this first argument.
if sys.argv[1:2] in (["--without"], ["--unknown"]):
    end = sys.argv.index("--")
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(0x7fff0000))  # ALLOW
    for call in sys.argv[2:end]:
        call, _, argument = call.partition(":")
        number = library.seccomp_syscall_resolve_name(call.encode())
        # struct scmp_arg_cmp: which, equal (4), to what
        compare = struct.pack("IiQQ", 0, 4, int(argument or 0), 0)
        if number >= 0:
            library.seccomp_rule_add_array(
                context, 0x00050000 | (errno.EPERM if sys.argv[1] == "--without"
                                       else errno.ENOSYS), number,
                1 if argument else 0, compare)
    assert library.seccomp_load(context) == 0
    os.execv(sys.argv[end + 1], sys.argv[end + 1:])

enter()
need("openssl")

HOST = "kubernetes.default.svc.cluster.local"
TOKENS = ["first-Ephemeral-Needle-4711", "second-Ephemeral-Needle-0815"]
HEADER = "configured-Needle-1234"
FILE_HEADER = "mounted-Needle-5678"
replace("/etc/hosts", f"127.0.0.1 localhost {HOST} web.test\n")

authority, late = Authority("authority"), Authority("late")
identity = authority.issue("server", f"IP:127.0.0.1,DNS:{HOST},DNS:web.test")
late_identity = late.issue("late-server", "IP:127.0.0.1")
seen = set()  # (port, Authorization, X-Configured, X-Mounted)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        seen.add((self.server.server_port, self.headers["Authorization"],
                  self.headers["X-Configured"], self.headers["X-Mounted"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass


def serve(pair):
    server = Server(("127.0.0.1", 0), Answer)
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


api, web, late_web, plain = (serve(pair) for pair in (
    identity, identity, late_identity, None))


def mount_token(number):
    """As kubelet does: a new directory, then the link is swapped."""
    directory = f"{ACCOUNT}/..{number}"
    os.makedirs(directory)
    for name, text in (("token", TOKENS[number]),
                       ("ca.crt", open(authority.path).read())):
        replace(f"{directory}/{name}", text)
        os.chmod(f"{directory}/{name}", 0o644)
        if number == 0:
            os.symlink(f"..data/{name}", f"{ACCOUNT}/{name}")
    os.symlink(f"..{number}", f"{ACCOUNT}/..tmp")
    os.rename(f"{ACCOUNT}/..tmp", f"{ACCOUNT}/..data")


mount_token(0)
os.makedirs(f"{WORK}/elsewhere")
os.makedirs("/run/other")
replace(f"{WORK}/header", f"X-Mounted: {FILE_HEADER}\n")
replace("/run/other/header", f"X-Mounted: {FILE_HEADER}\n")
ENVIRONMENT = {"KUBERNETES_SERVICE_HOST": "127.0.0.1",
               "KUBERNETES_SERVICE_PORT": str(api)}


def configuration(service=f"http://127.0.0.1:{plain}", more="",
                  header_file=f"{WORK}/header"):
    return f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 0s
ingress_url = https://web.test:{web}
service_url = {service}
neighbour_source = static
neighbour_port = {plain}
{more}
[check web]
url = https://127.0.0.1:{web}/
ca = {authority.path}
header = X-Configured: {HEADER}
header_file = {header_file}
interval = 100ms
[neighbours]
neighbour = other 127.0.0.1
"""


TYPES = {"api_server_direct": "api_server_direct",
         "api_server_dns": "api_server_dns", "me_ingress": "me_ingress",
         "me_service": "me_service", "path": "path_other", "extra": "web"}


def confined(pid):
    """(no_new_privs, seccomp, effective capabilities)"""
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        text = file.read()
    return tuple(re.search(rf"^{key}:\s*(\w+)$", text, re.M)[1]
                 for key in ("NoNewPrivs", "Seccomp", "CapEff"))


def levels(doctor):
    return set(doctor.metrics().select(
        "kubenurse_worker_sandbox_level.*").values())


def family(doctor):
    found = {"supervisor": doctor.pid}
    for pid in children(doctor.pid):
        found[title(pid).replace("kubenurse: ", "")] = pid
    return found


def holds(pid, needle):
    """Whether it is anywhere in what the process has mapped for writing."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            if line.split()[1][:2] != "rw":
                continue
            start, end = (int(word, 16) for word in
                          line.split()[0].split("-"))
            memory.seek(start)
            try:
                if needle in memory.read(end - start):
                    return True
            except OSError:
                pass
    return False


def holders(doctor, text):
    found = set()
    for name, pid in family(doctor).items():
        try:
            if holds(pid, text.encode()):
                found.add(name)
        except (FileNotFoundError, ProcessLookupError):
            pass  # it was replaced meanwhile
    return found


def answers(metrics):
    return {name: metrics.number("kubenurse_httpclient_requests_total"
                                 f'{{type="{name}",code="200"}}')
            for name in TYPES.values()}


def checks_go_on(doctor, what):
    """Three more of each, and none of them fails."""
    before = doctor.metrics()

    def done_so():
        return all(count >= answers(before)[name] + 3 for name, count in
                   answers(doctor.metrics()).items())
    ok(wait(done_so) and doctor.metrics().total("kubenurse_errors_total.*") ==
       before.total("kubenurse_errors_total.*"),
       f"{what}: all checks go on without an error",
       f"{doctor.metrics().text}\n{doctor.log()}")


def all_restarts(doctor):
    return doctor.metrics().total("kubenurse_worker_restarts_total.*")


# ------------------------------------------------------- everything still works

doctor = Doctor(configuration(more="sandbox = require"), env=ENVIRONMENT)
if not doctor.up() and "sanitizers" in doctor.log():
    ok(True, "a build with sanitizers has no sandbox, and does not start "
       "where it is required")
    done()
ok(doctor.up(), "it starts with all of the sandbox required", doctor.log())
checks_go_on(doctor, "at first")
equal(set(doctor.results()[name] for name in TYPES.values()), {"ok"},
      "/alive agrees")
equal(levels(doctor), {2}, "each worker has seccomp and Landlock")
members = family(doctor)
ok(set(TYPES) <= set(members), "one process each", members)
for name, pid in members.items():
    wanted = "0" if name == "nursery" else "2"
    equal(confined(pid)[:2], ("1", wanted),
          f"{name}: no_new_privs, seccomp {wanted}")
    ok(int(confined(pid)[2], 16) & ~(1 << 10) == 0,
       f"{name}: no capability but to bind a low port", confined(pid))
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        limits = file.read()
    if name != "nursery":
        like(limits, r"Max core file size +0 +0 .*Max processes +0 +0 ",
             f"{name}: no core, no children")
    equal(os.stat(f"/proc/{pid}/environ").st_uid, 0, f"{name}: not dumpable")

# -------------------------------------------------------------------- secrets

ok((api, f"Bearer {TOKENS[0]}", None, None) in seen,
   "the API server gets the token", seen)
ok((web, None, HEADER, FILE_HEADER) in seen,
   "the extra check sends its headers, without a token", seen)
ok(all(word is None for port, word, *_ in seen if port != api),
   "and so does everybody else", seen)
keepers = {"api_server_direct", "api_server_dns", "discovery"}
# first that the search finds what is there
ok({"supervisor", "extra"} <= holders(doctor, HEADER),
   "the search finds a header of the configuration where it is",
   holders(doctor, HEADER))
ok(holders(doctor, HEADER) <= {"supervisor", "extra"}, "and nowhere else",
   holders(doctor, HEADER))
equal(holders(doctor, FILE_HEADER), {"extra"},
      "a header file is in the memory of its worker alone")
ok(holders(doctor, TOKENS[0]) <= keepers,
   "the token is in no memory but of those who send it",
   holders(doctor, TOKENS[0]))
mount_token(1)
wait_ok(lambda: (api, f"Bearer {TOKENS[1]}", None, None) in seen,
        "the next token is read as it comes")
ok(holders(doctor, TOKENS[1]) <= keepers, "the same holds for it",
   holders(doctor, TOKENS[1]))


def shown_by(pid):
    """What everybody may see; the mount's CA is new, so workers leave."""
    try:
        return b"".join(open(f"/proc/{pid}/{what}", "rb").read()
                        for what in ("cmdline", "environ"))
    except (FileNotFoundError, ProcessLookupError):
        return b""


for name, pid in family(doctor).items():
    shown = shown_by(pid)
    ok(not any(word.encode() in shown for word in TOKENS + [HEADER]),
       f"{name}: no secret in arguments and environment")
ok(not any(word in doctor.log() for word in TOKENS + [HEADER, FILE_HEADER]),
   "nor in the log")
for text in ("next", FILE_HEADER):
    seen.clear()
    replace(f"{WORK}/header", f"X-Mounted: {text}\n")
    doctor.send(signal.SIGHUP)
    wait_ok(lambda: (web, None, HEADER, text) in seen,
            "a header file that is replaced right before a reload is read")

# --------------------------------------------------------------------- reloads

other_port = free_ports(1)[0]
old_port = doctor.port
doctor.reload(configuration(more="sandbox = require").replace(
    "listen = ", f"listen = 127.0.0.1:{other_port}, "))
doctor.port = other_port
wait_ok(lambda: doctor.status("/alwayshappy") == 200,
        "a new address to listen on can be had")
doctor.port = old_port
replace(f"{WORK}/elsewhere/header", "X-Mounted: a\n")
replace(f"{WORK}/new-header", "X-Mounted: new\n")
doctor.reload(configuration(header_file=f"{WORK}/new-header",
                            more="sandbox = require"))
wait_ok(lambda: (web, None, HEADER, "new") in seen,
        "so can another file in a directory that is known")
doctor.reload(configuration(header_file="/run/other/header",
                            more="sandbox = require"))
like(doctor.log(), "restart needed: .*file=/run/other/header",
     "one of another directory needs a restart, and this is said")
like(doctor.log(), "is refused, the old one stays", "and changes nothing")
doctor.reload(configuration(header_file=f"{ACCOUNT}/token",
                            more="sandbox = require"))
like(doctor.log(), f"restart needed: .*file={ACCOUNT}/token",
     "the token as a header file is one of those")
doctor.reload(configuration(more="sandbox = off"))
like(doctor.log(), "restart needed: .*key=sandbox",
     "no reload switches the sandbox off")

# a plain worker gets its first https target, and loads the CAs locked in
doctor.reload(configuration(service=f"https://web.test:{web}",
                            more="sandbox = require"))
checks_go_on(doctor, "https comes late")

# new CAs: other workers, which are locked in like the old ones
before = family(doctor)
with open("/etc/ssl/certs/ca-certificates.crt", encoding="ascii") as file:
    system = file.read()
replace("/etc/ssl/certs/ca-certificates.crt",
        system + open(late.path, encoding="ascii").read())
wait_ok(lambda: all(family(doctor).get(name) not in (None, before[name])
                    for name in TYPES), "new CAs bring new workers")
doctor.reload(configuration(service=f"https://127.0.0.1:{late_web}",
                            more="sandbox = require"))
checks_go_on(doctor, "with new CAs")
equal(levels(doctor), {2}, "all are locked in again")
replace("/etc/resolv.conf", "nameserver 127.0.0.1\n")
equal(all_restarts(doctor), 0, "no worker died of all this")
os.kill(doctor.worker("path"), signal.SIGKILL)
wait(lambda: all_restarts(doctor) == 1)
wait(lambda: doctor.worker("path"))
checks_go_on(doctor, "after a death")
for number, text in enumerate(TOKENS):
    ok(holders(doctor, text) <= keepers, f"token {number}: after reloads and "
       "a death it is in no memory but of those who send it",
       holders(doctor, text))
    ok(text not in doctor.log(), f"token {number}: nor in the log")
for name, pid in family(doctor).items():
    shown = b"".join(open(f"/proc/{pid}/{what}", "rb").read()
                     for what in ("cmdline", "environ"))
    ok(not any(word.encode() in shown for word in TOKENS),
       f"{name}: nor in arguments and environment")
ok("forbidden" not in doctor.log(), "nobody made a forbidden call",
   doctor.log())
doctor.send(signal.SIGTERM)
equal(doctor.wait(), 0, "it stops as it should")

# --------------------------------------------------- a worker that does too much

MUTE = """[kubenurse]
listen = 127.0.0.1:{port}
shutdown_duration = 0s
neighbour_source = static
check_neighbourhood = false
[check one]
url = http://127.0.0.1:1/
interval = 1h
"""


def ends_of_pipe(doctor):
    """(what the supervisor reads, what the worker writes), opened again."""
    def find(pid, wanted, flags):
        for fd in os.listdir(f"/proc/{pid}/fd"):
            path = f"/proc/{pid}/fd/{fd}"
            if wanted(os.readlink(path), pid, fd):
                return os.readlink(path), os.open(path, flags)
        return None, None

    def writable(name, pid, fd):
        with open(f"/proc/{pid}/fdinfo/{fd}", encoding="ascii") as info:
            return fd != "2" and name.startswith("pipe:") and \
                re.search(r"flags:\s+\d*[12]\n", info.read())
    name, output = find(doctor.worker("extra"), writable,
                        os.O_WRONLY | os.O_NONBLOCK)
    return find(doctor.pid, lambda found, *_: found == name,
                os.O_RDONLY | os.O_NONBLOCK)[1], output


HEARTBEAT = 2  # the kind of a record, after the magic number


def steal_heartbeat(doctor):
    """A heartbeat that it would have read, and where to write more of them."""
    source, output = ends_of_pipe(doctor)
    doctor.send(signal.SIGSTOP)
    stream = bytearray()

    def found():
        """Each record begins with the same number: two tell their size."""
        try:
            stream.extend(os.read(source, 1 << 20))
        except BlockingIOError:
            return None
        size = stream.find(stream[:4], 4)
        records = [] if size < 0 else [
            stream[at:at + size] for at in range(0, len(stream), size)]
        return [record for record in records
                if struct.unpack_from("I", record, 4)[0] == HEARTBEAT]
    heartbeats = wait(found)
    os.close(source)
    doctor.send(signal.SIGCONT)
    ok(heartbeats, "there is a heartbeat to be had")
    return heartbeats[0], output


def restarts(doctor, reason):
    return doctor.metrics().number(
        'kubenurse_worker_restarts_total{worker="extra",'
        f'reason="{reason}"}}')


doctor = Doctor(MUTE, name="busy", program=harmed_program())
doctor.wait_metric('kubenurse_worker_up.worker="extra".')
wait(lambda: doctor.metrics().checks("one") == 1)
first = doctor.worker("extra")
harm(first, "grow")
wait_ok(lambda: restarts(doctor, "memory") == 1,
        "N 4.30 a worker that has grown too large is replaced",
        3 * DEADLINE_S)
found = doctor.said(r"grown too large, killing it.*resident_bytes=(\d+) "
                    r"limit_bytes=(\d+)")
ok(found and int(found[1]) > int(found[2]),
   "and this is said, with what the kernel counts", doctor.log())
wait_ok(lambda: doctor.worker("extra") not in (None, first) and
        doctor.metrics().number(
            'kubenurse_worker_up{worker="extra"}') == 1,
        "the next one comes up")
heartbeat, output = steal_heartbeat(doctor)
many = bytes(heartbeat) * (4096 // len(heartbeat))
flood = os.fork()
if flood == 0:
    os.set_blocking(output, True)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    while True:
        os.write(output, many)
os.close(output)
wait_ok(lambda: restarts(doctor, "nonsense") == 1,
        "one that floods its pipe is replaced")
os.kill(flood, signal.SIGKILL)
os.waitpid(flood, 0)
like(doctor.log(), "nonsense, killing it.*flood", "and this is said")
equal(doctor.status("/alwayshappy"), 200, "others do not notice")
doctor.halt()

# ------------------------------------------------- where /proc tells less, or nothing

RESIDENT = 'kubenurse_worker_resident_memory_bytes{worker="extra"}'


def with_proc(name, command):
    """A doctor whose /proc this shell command has changed before."""
    doctor = Doctor(MUTE, name=name, wrapper=[
        "unshare", "--mount", "sh", "-c", command + ' && exec "$@"', "sh"])
    doctor.wait_metric('kubenurse_worker_up.worker="extra".')
    return doctor


doctor = with_proc("hidden", "mount -t proc -o hidepid=2 proc /proc")
wait_ok(lambda: doctor.metrics().number(RESIDENT) > 0,
        "a /proc that hides processes does not hide the size of a worker")
doctor.halt()
doctor = with_proc("bare", "mount -t tmpfs tmpfs /proc && mkdir /proc/self && "
                   f"ln -s {BUILD}/kubenurse /proc/self/exe")
like(doctor.log(), "memory of a worker cannot be watched.*worker=extra",
     "without /proc it is said that the size is unknown")
equal(RESIDENT in doctor.wait_checks(["one"]), False,
      "none is shown, and checks are made")
doctor.halt()

# ------------------------------------------------------ where the kernel has less

LANDLOCK = ["landlock_create_ruleset", "landlock_add_rule",
            "landlock_restrict_self"]
SECCOMP = ["seccomp", "prctl:22"]  # PR_SET_SECCOMP


def without(calls, mode, name, how="--without"):
    return Doctor(configuration(more=f"sandbox = {mode}"), name=name,
                  env=ENVIRONMENT, wrapper=[
                      sys.executable, os.path.abspath(__file__), how,
                      *calls, "--"])


doctor = without(LANDLOCK, "auto", "no-landlock")
doctor.up()
checks_go_on(doctor, "without Landlock")
equal(levels(doctor), {1}, "N 1.16 the level says seccomp only")
like(doctor.log(), "level=warn .*Landlock.*Operation not permitted",
     "and the log what is missing")
equal(confined(doctor.pid)[1], "2", "the supervisor is filtered all the same")
doctor.halt()
doctor = without(LANDLOCK, "require", "require")
equal(doctor.wait(), 1, "N 1.16 when it is required, it does not start")
like(doctor.log(), "cannot start.*sandbox: Operation not permitted",
     "and says why")

# what the container runtimes' default filters refuse
RUNTIME = """acct add_key bpf clone3 delete_module fanotify_init fsmount fsopen
    init_module io_uring_setup kcmp kexec_load keyctl mount open_by_handle_at
    perf_event_open personality pivot_root process_vm_readv process_vm_writev
    ptrace reboot request_key setns swapon umount2 unshare userfaultfd vhangup
    epoll_pwait2 pidfd_getfd statx faccessat2 rseq""".split()
doctor = without(RUNTIME, "require", "runtime")
doctor.up()
checks_go_on(doctor, "under a container's filter")
equal(levels(doctor), {2}, "the sandbox is complete there")
doctor.halt()

doctor = without(LANDLOCK + SECCOMP, "auto", "nothing")
doctor.up()
checks_go_on(doctor, "without anything")
equal(levels(doctor), {0}, "N 1.16 the level says so")
like(doctor.log(), "level=warn .*cannot be filtered.*Operation not permitted",
     "and the log why")
doctor.halt()

# seccomp(2) answers what the kernel can; prctl(2) does as well to enter
doctor = without(["seccomp"], "require", "no-question", how="--unknown")
doctor.up()
checks_go_on(doctor, "without seccomp(2)")
equal(levels(doctor), {2}, "N 1.16 the sandbox is complete without seccomp(2)")
doctor.halt()

# a kernel that is too old
WARNS = {"landlock": "level=warn .*files cannot be locked away .Landlock..*"
                     "Function not implemented",
         "seccomp": "level=warn .*system calls cannot be filtered.*"
                    "Function not implemented"}
for missing, level in ((LANDLOCK, 1), (LANDLOCK + SECCOMP, 0)):
    doctor = without(missing, "auto", f"old-{level}", how="--unknown")
    doctor.up()
    checks_go_on(doctor, f"old kernel, level {level}")
    equal(levels(doctor), {level}, f"old kernel: the level is {level}")
    for what, ere in WARNS.items():
        lines = [line for line in doctor.log().splitlines()
                 if re.search(ere, line)]
        wanted = 0 if what == "seccomp" and level else \
            len(family(doctor)) - 1  # the nursery has none to enter
        equal(len(lines), wanted, f"old kernel, level {level}: each process "
              f"says once that {what} is missing" if wanted else
              f"old kernel, level {level}: nobody misses {what}")
    doctor.halt()
    doctor = without(missing, "require", f"old-{level}-require",
                     how="--unknown")
    equal(doctor.wait(), 1, f"old kernel, level {level}: required, it does "
          "not start")
    like(doctor.log(), "cannot start.*sandbox: ", "and says why")

doctor = Doctor(configuration(more="sandbox = off"), name="off",
                env=ENVIRONMENT)
doctor.up()
checks_go_on(doctor, "switched off")
equal(levels(doctor), {0}, "N 1.16 the level says none")
equal(confined(doctor.pid)[1], "0", "nor is there one of the supervisor")
for name, pid in family(doctor).items():
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        ok(confined(pid)[0] == "1" and int(confined(pid)[2], 16) & ~(1 << 10)
           == 0 and os.stat(f"/proc/{pid}/environ").st_uid == 0 and
           (name == "nursery" or re.search(r"Max core file size +0 +0 ",
                                           file.read())),
           f"switched off: {name} has no rights, and leaves no core, all the "
           "same", confined(pid))
doctor.halt()
done()
