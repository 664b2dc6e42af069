#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The doctor in containers of a real docker daemon, which runs in namespaces of
the test's own: docker's default profile, no rights at all, root, little memory,
no filter, and profiles that refuse what the sandbox and the loop are made of.
"""
import errno
import http.server
import os
import ssl
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nodes import *  # noqa: E402,F403
import image  # noqa: E402


def skip(why):
    """Where there can be no docker, .ci/run says so, aloud."""
    print(f"SKIPPED: docker.py: {why}")
    os.environ.pop("TESTS_NO_SKIP", None)
    skip_all(why)


for program in ("dockerd", "docker", "containerd", "runc", "openssl", "strip"):
    if not shutil.which(program):
        skip(f"there is no {program}")
if os.geteuid() != 0:
    skip("needs root")
try:
    guarded()
except OSError as error:
    skip(f"no control group can be made: {error}")
enter()

IMAGE = "localhost/kubenurse:test"
GATEWAY = "10.251.0.1"
INSIDE = "/var/run/secrets/kubernetes.io/serviceaccount"
TYPES = ["api_server_direct", "me_ingress", "me_service", "path_other", "web"]
WORKERS = {"api_server_direct", "me_ingress", "me_service", "path", "extra",
           "discovery"}
LANDLOCK = ["landlock_create_ruleset", "landlock_add_rule",
            "landlock_restrict_self"]
PR_SET_SECCOMP = 22
AT_ONCE = 6  # what two cores can do
EXPOSED = "the programs are readable"
NO_FILES = "files cannot be locked away"
NO_FILTER = "system calls cannot be filtered"
os.environ["DOCKER_HOST"] = f"unix://{WORK}/docker.sock"
os.environ["DOCKER_CONFIG"] = f"{WORK}/docker.config"


def docker(*words):
    return subprocess.run(["docker", *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True)


def start_daemon():
    """No rules of a packet filter: what is published, docker's proxy serves."""
    daemon = Process(
        "dockerd", "dockerd", f"--host=unix://{WORK}/docker.sock",
        f"--data-root={WORK}/docker.data", f"--exec-root={WORK}/docker.exec",
        f"--pidfile={WORK}/docker.pid", f"--bip={GATEWAY}/24",
        f"--cgroup-parent=/{os.environ['NODES_CGROUP']}",
        "--exec-opt=native.cgroupdriver=cgroupfs", "--iptables=false")
    wait(lambda: daemon.popen.poll() is not None or
         docker("version").returncode == 0, 60)
    if docker("version").returncode:
        lines = daemon.log().strip().splitlines()
        skip(f"the docker daemon does not start: {(lines or ['?'])[-1]}")
    print("# docker " + docker("version", "--format", "{{.Server.Version}}")
          .stdout.strip(), flush=True)


def load_image():
    """With a shell beside the doctor: somebody has to leave orphans behind."""
    files = image.kubenurse_files(BUILD)
    for path in {"/bin/sh"} | image.libraries("/bin/sh"):
        with open(path, "rb") as file:
            files[path] = file.read()
    image.write(f"{WORK}/image.tar", [IMAGE], files, ["/usr/bin/kubenurse"])
    loaded = docker("load", "-i", f"{WORK}/image.tar")
    ok(loaded.returncode == 0, "docker loads the image", loaded.stderr)


class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass


def serve(pair=None):
    """On docker's bridge; returns the port."""
    server = Server((GATEWAY, 0), Answer)
    if pair is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*pair)
        server.socket = context.wrap_socket(server.socket, server_side=True,
                                            do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server.server_port


def landlock():
    """Whether this kernel has it: its version is at least 1."""
    return ctypes.CDLL(None).syscall(444, None, 0, 1) >= 1


def profile(name, refusals):
    """A file with a seccomp profile that refuses these calls; "prctl N" is one
    of its operations.  The errno decides what the program may conclude."""
    rows = []
    for call, number in refusals.items():
        call, _, operation = call.partition(" ")
        rows.append({"names": [call], "action": "SCMP_ACT_ERRNO",
                     "errnoRet": number, "args": operation and [
                         {"index": 0, "value": int(operation),
                          "op": "SCMP_CMP_EQ"}] or []})
    path = f"{WORK}/{name}.json"
    replace(path, json.dumps({"defaultAction": "SCMP_ACT_ALLOW",
                              "syscalls": rows}))
    return f"--security-opt=seccomp={path}"


class Container(Doctor):
    """One that checks itself, the server at the bridge, and has a token."""

    def __init__(self, name, *options, sandbox="auto"):
        replace(f"{WORK}/{name}.ini", f"""[kubenurse]
check_interval = 1s
shutdown_duration = 0s
service_url = http://127.0.0.1:8080
ingress_url = https://web.test:{secure_port}
extra_ca = /etc/kubenurse/ca.crt
check_api_server_dns = false
neighbour_source = static
neighbour_port = {plain_port}
sandbox = {sandbox}
[check web]
url = https://{GATEWAY}:{secure_port}/
interval = 1s
[neighbours]
neighbour = other {GATEWAY}
""")
        self._run(name, "-v", f"{WORK}/{name}.ini:/etc/kubenurse/kubenurse.ini",
                  "-v", f"{authority.path}:/etc/kubenurse/ca.crt",
                  "-v", f"{WORK}/account:{INSIDE}:ro",
                  "-e", f"KUBERNETES_SERVICE_HOST={GATEWAY}",
                  "-e", f"KUBERNETES_SERVICE_PORT={secure_port}",
                  f"--add-host=web.test:{GATEWAY}", *options)

    def _run(self, name, *options):
        port = free_ports(1)[0]
        Doctor.__init__(
            self, name=name, port=port, env=dict(os.environ), program=IMAGE,
            wrapper=["docker", "run", f"--name={name}",
                     f"--publish=127.0.0.1:{port}:8080", *options])

    def inspect(self, what):
        return docker("inspect", "-f", f"{{{{{what}}}}}",
                      self.name).stdout.strip()

    def logs(self):
        """What `docker logs` has of it."""
        said = docker("logs", self.name)
        return (said.stdout + said.stderr).splitlines()


class Plain(Container):
    """Without a file of configuration."""

    def __init__(self, name, *options):
        self._run(name, *options)


def end(*some):
    """docker stop kills what does not end within ten seconds: 137."""
    docker("stop", *(one.name for one in some))
    for one in some:
        equal(one.inspect(".State.ExitCode"), "0",
              f"{one.name}: docker stop ends it, exit code 0")


def readable(one):
    strange = [line for line in one.logs() if not re.match(
        r'time=\S+ level=(info|warn|error) (process=\w+ )?msg="[^"]+"( \w+=|$)',
        line)]
    ok(one.logs() and not strange, f"{one.name}: docker logs shows lines of "
       "logfmt and nothing else", "\n".join(strange))


def complaints(one):
    return [line for line in one.logs() if "level=info" not in line]


def well(one, level, warnings=()):
    """Everything works, and it says what is missing, each process once."""
    if not ok(one.up(), f"{one.name}: it starts", one.log()):
        return
    kinds = [name.replace("path_other", "path") for name in TYPES]
    metrics = one.wait_checks(kinds, 3)
    ok(all(metrics.checks(kind) >= 3 for kind in kinds),
       f"{one.name}: every check goes on", metrics.text)
    equal(dict.fromkeys(TYPES, "ok"),
          {name: one.results().get(name) for name in TYPES},
          f"{one.name}: every check is ok")
    equal(int(metrics.total("kubenurse_errors_total.*")), 0,
          f"{one.name}: and none has failed before")
    levels = metrics.select("kubenurse_worker_sandbox_level.*")
    equal({re.search('"(.*)"', series)[1]: int(value)
           for series, value in levels.items()},
          dict.fromkeys(WORKERS, level), f"{one.name}: sandbox level {level}")
    equal(int(metrics.total("kubenurse_worker_restarts_total.*")), 0,
          f"{one.name}: no worker was started again")
    found = complaints(one)
    for warning in warnings:
        # the supervisor and each worker, but not the nursery
        equal(len([line for line in found if warning in line]),
              len(WORKERS) + 1, f"{one.name}: each process says once: {warning}")
    rest = [line for line in found
            if not any(warning in line for warning in (*warnings, EXPOSED))]
    equal(len([line for line in found if EXPOSED in line]), one.name == "root",
          f"{one.name}: root alone can read the programs, and is warned")
    ok(not rest, f"{one.name}: no other warning", "\n".join(rest))
    readable(one)


def refused(one, what):
    """With sandbox = require, where it cannot be had."""
    equal(one.wait(60), 1, f"{one.name}: it does not start, exit status 1")
    like("\n".join(one.logs()), f"level=error .*cannot start.*sandbox: {what}",
         f"{one.name}: and says why")


def start_daemon_and_world():
    global authority, secure_port, plain_port
    start_daemon()
    load_image()
    authority = Authority("authority")
    plain_port = serve()
    secure_port = serve(authority.issue("server", "DNS:web.test,IP:" + GATEWAY))
    os.mkdir(f"{WORK}/account")
    shutil.copy(authority.path, f"{WORK}/account/ca.crt")
    replace(f"{WORK}/account/token", "a-token\n")


def run_all(cases):
    """Each (container, level, warnings), some at a time."""
    for at in range(0, len(cases), AT_ONCE):
        some = [(Container(name, *options, sandbox=sandbox), level, warnings)
                for name, options, sandbox, level, warnings in
                cases[at:at + AT_ONCE]]
        for one in some:
            if one[1] is None:
                refused(one[0], *one[2])
            else:
                well(*one)
        end(*(one for one, level, _ in some if level is not None))


def ordinary_ones():
    """What docker itself does must not take anything away."""
    must = "require" if full == 2 else "auto"
    options = {
        "default": ["--user=65532:65532"],
        "nothing-allowed": [
            "--user=65532:65532", "--read-only", "--cap-drop=ALL",
            "--security-opt=no-new-privileges"],
        "root": ["--user=0:0"],
        "small": ["--memory=64m", "--memory-swap=64m"],
        "unconfined": ["--security-opt=seccomp=unconfined"]}
    return [("default-auto", options["default"], "auto", full, less)] + [
        (name, some, must, full, less) for name, some in options.items()]


def without():
    """Profiles that refuse what the sandbox is made of: EPERM is the answer of
    an old docker to what it does not know, ENOSYS that of an old kernel."""
    filters = ["seccomp", f"prctl {PR_SET_SECCOMP}"]
    cases = []
    for name, calls, level, warnings in (
            ("no-landlock", LANDLOCK, 1, [NO_FILES]),
            ("no-seccomp", filters, 0, [NO_FILTER] + less),
            ("neither", LANDLOCK + filters, 0, [NO_FILTER, NO_FILES])):
        for number in (errno.EPERM, errno.ENOSYS):
            label = f"{name}-{errno.errorcode[number]}"
            option = profile(label, dict.fromkeys(calls, number))
            cases += [(label, [option], "auto", level, warnings),
                      (f"{label}-require", [option], "require", None,
                       [os.strerror(number)])]
    return cases


def old_profiles():
    """A docker that is older than these calls answers EPERM to them."""
    calls = ["seccomp", "epoll_pwait2", "pidfd_open", "close_range"]
    more = ["clone3", "pidfd_send_signal", "statx", "faccessat2", "rseq"]
    cases = {call: [call] for call in calls}
    cases["any"] = calls + more
    return [(f"no-{name}", [profile(name, dict.fromkeys(some, errno.EPERM))],
             "auto", full, less) for name, some in cases.items()]


def plain():
    """The line of the README; process 1 is the doctor itself."""
    one = Plain("plain", "-e", "KUBENURSE_EXTRA_CHECKS="
                f"shop:http://{GATEWAY}:{plain_port}/healthz")
    wait_ok(lambda: one.up() and one.status("/alive") == 200,
            "plain: without a file of configuration it comes alive")
    equal({name: said for name, said in one.results().items()
           if said not in ("skipped", [])},
          {"neighbourhood_state": "ok", "shop": "ok"},
          "plain: and its one check is ok")
    orphans(one)
    ok(not complaints(one), "plain: no warning", "\n".join(complaints(one)))
    readable(one)
    end(one)


def orphans(one):
    """Those whose parents end become process 1's, which has to bury them."""
    first = int(one.inspect(".State.Pid"))
    before = set(children(first))
    docker("exec", one.name, "/bin/sh", "-c", """i=0
        while [ $i -lt 20 ]; do (:) & i=$((i + 1)); done
        sh -c 'kill -STOP $$' &""")

    def stopped():
        return [pid for pid in set(children(first)) - before
                if title(pid).startswith("sh\0")]
    if ok(wait(stopped), "plain: it is given an orphan"):
        os.kill(stopped()[0], signal.SIGKILL)
    wait_ok(lambda: set(children(first)) == before,
            "plain: and leaves no zombie")


start_daemon_and_world()
full = 2 if landlock() else 1
less = [] if full == 2 else [NO_FILES]
run_all(ordinary_ones() + without() + old_profiles())
plain()
done()
