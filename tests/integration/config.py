# SPDX-License-Identifier: Apache-2.0
"""Configuration from the outside: every mistake in one run, files that are no
configuration, and reloading, by signal and by the two ways in which files
change: an editor's rename, and the symlink of a ConfigMap.
"""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
PROGRAM = f"{BUILD}/kubenurse"


def run(*words, env=None):
    """(exit status, stderr)"""
    done_ = subprocess.run((PROGRAM,) + words, capture_output=True, text=True,
                           errors="replace", timeout=DEADLINE_S,
                           stdin=subprocess.DEVNULL,
                           env={"PATH": os.environ["PATH"], **(env or {})})
    return done_.returncode, done_.stderr


def write(name, content):
    path = f"{WORK}/{name}"
    with open(path, "wb") as file:
        file.write(content if isinstance(content, bytes) else content.encode())
    os.chmod(path, 0o644)
    return path


# -------------------------------------------------- every mistake in one run

MISTAKES = [  # line of the file, what is said of it (None: nothing)
    ("[kubenurse]", None),
    ("no_such_key = 1", "no_such_key: unknown key"),
    ("check_interval = 5", "check_interval: .*not a duration"),
    ("check_interval = 6s", "check_interval: .*twice.*line 3"),
    ("neighbour_limit = 0x3", "neighbour_limit: .*not an integer"),
    ("ingress_url = http://[::1/", "ingress_url: ."),
    ("service_url = gopher://x/", "service_url: ."),
    ("histogram_buckets = 1,0.5", "histogram_buckets: .*rising"),
    ("listen = 1.2.3:99999", "listen: .*no address"),
    ("reuse_connections = yes", "reuse_connections: .*neither true nor false"),
    ("log_level = loud", "log_level: ."),
    ("[nonsense]", "unknown section"),
    ("x = 1", "x: its section is unknown, and so is this key"),
    ("timeout = 1s", "timeout: its section is unknown.*.check NAME."),
    ("[check a]", "url: is missing"),
    ("[check b]", None),
    ("url = http://x/", None),
    ("expect = 20", "expect: .*no status"),
    ("timeout = never", "timeout: .*not a duration"),
    ("[check b]", "twice, in line 16"),
    ("url = http://x/", None),
    ("[check me_ingress]", "name of kubenurse's own"),
    ("url = http://x/", None),
    ("[check path_x]", "begins with path_"),
    ("url = http://x/", None),
    ("[neighbours]", None),
    ("neighbour = a 1.2.3", "neighbour: .*no IP address"),
    ("neighbour = a", "neighbour: ."),
    ("what is this", "neither a .section. nor KEY = VALUE"),
]
bad = write("bad.ini", "".join(line + "\n" for line, _ in MISTAKES))
for words in ((), ("--check-config",), ("--print-config",)):
    status, said = run("--config", bad, *words)
    equal(status, 2, f"F 1.3 {words}: a bad file is exit status 2")
for number, (line, text) in enumerate(MISTAKES, 1):
    if text:
        like(said, rf"(?m)^{bad}:{number}: [^\n]*{text}", f"N 1.2, F 1.32 line {number}: {line}")
equal(len(said.splitlines()), sum(1 for _, text in MISTAKES if text),
      "N 1.2 nothing else is said")
NAMES = {
    "KUBENURSE_CHECK_INTERVAL": " 5s", "KUBENURSE_NEIGHBOUR_LIMIT": "3.0",
    "KUBENURSE_HISTOGRAM_BUCKETS": "NaN", "KUBENURSE_EXTRA_CHECKS": "a|b:c",
    "KUBENURSE_INGRESS_URL": "http://x/\n", "KUBERNETES_SERVICE_PORT": "70000",
    "KUBENURSE_SERVICE_URL": "http://" + "x" * 70000,
    "KUBENURSE_LISTEN": "\udcff:8080", "KUBENURSE_SERIES_TTL": "1d",
}
status, said = run(env=NAMES)
equal(status, 2, "F 1.3 a bad environment is exit status 2, too")
for name in NAMES:
    like(said, f"(?m)^environment: {name}: .", f"N 1.2, F 1.37 {name} is named")
status, said = run("--check-config", env={
    **dict.fromkeys(NAMES, ""), "KUBENURSE_PORT_8080_TCP": "tcp://1.2.3.4:80",
    "KUBENURSE_SERVICE_HOST": "1.2.3.4", "KUBENURSE_INSECURE": "True"})
equal(status, 0, "N 1.7 empty variables are unset, others' are nobody's business")
like(said, "warning: .*KUBENURSE_INSECURE.*neither true nor false",
     "N 1.19 a boolean that counts as false is warned about")

warned = Doctor("[kubenurse]\nlisten = 127.0.0.1:{port}\nlog_format = json\n",
                name="warned", env={"KUBENURSE_INSECURE": "True"})
warned.up()
warned.halt()
like(warned.log(), r'"level":"warn","msg":"configuration","problem":"environment: '
     r'KUBENURSE_INSECURE: \\"True\\"', "N 1.19 of a program that runs it is a "
     "line of the log")
ok(all(line.startswith("{") for line in warned.log().splitlines()),
   "as all the others are", warned.log())

# -------------------------------------------------- what is no configuration

GOOD = "[kubenurse]\ncheck_interval = 1s\n"
os.mkdir(f"{WORK}/directory.ini")
FILES = {
    "directory.ini": (None, 2, "directory"),
    "missing.ini": (None, 2, "No such file"),
    "binary.ini": (b"[kubenurse]\n\x7fELF\0\1\2", 2, "NUL"),
    "huge.ini": (b"; comment\n" * 1048576, 2, "larger than"),
    "empty.ini": ("", 0, ""),
    "no-newline.ini": (GOOD.rstrip(), 0, ""),
    "crlf.ini": (GOOD.replace("\n", "\r\n"), 0, ""),
    "bom.ini": ("\ufeff" + GOOD, 0, ""),
    "latin1.ini": (GOOD.encode() + b"node_name = caf\xe9\n", 2, "UTF-8"),
    "long.ini": (GOOD + "node_name = " + "x" * 100000, 2, "."),
}
for name, (content, wanted, text) in FILES.items():
    if content is not None:
        write(name, content)
    status, said = run("--config", f"{WORK}/{name}", "--check-config")
    ok(status == wanted and re.search(text, said),
       f"{name}: exit status {wanted}", f"{status}: {said}")
os.chmod(f"{WORK}/crlf.ini", 0)
unreadable = subprocess.run(
    ["setpriv", "--reuid=65534", "--clear-groups", PROGRAM, "--config",
     f"{WORK}/crlf.ini", "--check-config"], capture_output=True, text=True)
ok(unreadable.returncode == 2 and "Permission denied" in unreadable.stderr,
   "unreadable: exit status 2", unreadable)
shown = subprocess.run(
    [PROGRAM, "--print-config"], capture_output=True, text=True,
    env={"KUBENURSE_INGRESS_URL": "http://me:secret@x/",
         "HTTP_PROXY": "http://me:secret@y:1"}).stdout
ok("ingress_url" in shown and "secret@" not in shown and
   "me:" not in shown,
   "N 1.6 --print-config shows no password", shown)
like(shown, r"histogram_buckets = 0.005, .* 5, 10\n", "numbers are plain")

# ---------------------------------------------------------------- a taken port

web = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"))
HEAD = """[kubenurse]
listen = 127.0.0.1:{port}
shutdown_duration = 0s
neighbour_source = static
"""


def check(name, more=""):
    return f"[check {name}]\nurl = http://127.0.0.1:{web.port}/{name}\n{more}"


taken = Doctor(HEAD, name="taken", port=web.port)
equal(taken.wait(), 1, "F 2.23 a port in use is exit status 1")
like(taken.log(), rf"listen 127\.0\.0\.1:{web.port}: Address already in use",
     "and is said")

# ------------------------------------------------------------------- reloading

doctor = Doctor(HEAD + check("one"))
doctor.wait_checks(["one"])


def reloads(good):
    """The gauge; the scrape."""
    return doctor.wait_metric("kubenurse_config_last_reload_successful",
                              1) if good else wait(lambda: (
                                  lambda scrape: scrape.number(
                                      "kubenurse_config_last_reload_successful"
                                  ) == 0 and scrape)(doctor.metrics()))


equal(doctor.metrics().number("kubenurse_config_last_reload_successful"), 1,
      "the first configuration counts as one")
worker = doctor.worker("extra")
doctor.reload(HEAD + check("one") + check("two"))
doctor.wait_checks(["two"])
equal(sorted(key for key in doctor.results() if key in ("one", "two")),
      ["one", "two"], "N 1.4 SIGHUP: a new check comes")
equal(doctor.worker("extra"), worker, "to the same worker")
equal(doctor.metrics().checks("one"), 1, "the other one is not disturbed")

stamp = doctor.metrics()[
    "kubenurse_config_last_reload_success_timestamp_seconds"]
doctor.reload(HEAD + "no_such_key = 1\n" + check("three"))
ok(reloads(False), "N 1.5 a bad file: the gauge is 0")
like(doctor.log(), "no_such_key: unknown key.*refused", "N 1.5 its mistake is logged")
results = doctor.results()
ok("two" in results and "three" not in results, "N 1.5 nothing has changed", results)
equal(doctor.metrics()["kubenurse_config_last_reload_success_"
                       "timestamp_seconds"], stamp, "N 4.34 nor the time of success")

doctor.write(HEAD + check("two"))  # and no signal
equal(reloads(True).number("kubenurse_config_last_reload_successful"), 1,
      "N 1.4 a file that was renamed into place is noticed")
ok("one" not in doctor.results(), "a check goes")

doctor.reload(HEAD + "histogram_buckets = 1, 2\n" + check("two"))
ok(reloads(False), "a key that needs a restart: refused")
like(doctor.log(), "restart needed.*key=histogram_buckets", "by its name")
home = doctor.port
doctor.reload(HEAD.replace("listen = ", f"listen = 127.0.0.1:{web.port}, "))
ok(reloads(False), "a new address that is taken: refused")
like(doctor.log(), "cannot listen.*already in use", "which is said")
doctor.reload(HEAD.replace("listen = ", "listen = [::1]:{port}, ") +
              check("two"))
equal(reloads(True).number("kubenurse_config_last_reload_successful"), 1,
      "a new address that is free is taken")
ok(wait(lambda: socket.create_connection(("::1", home), 1)), "and served")
for there in ("0.0.0.0:{port}", "[::]:{port}", "127.0.0.1:{port}"):
    doctor.reload(HEAD.replace("127.0.0.1:{port}", there) + check("two"))
    ok(reloads(True), f"to {there} on its own port")
    equal(doctor.status("/alwayshappy"), 200, "which is served")
    second = Doctor(HEAD, name="second", port=home)
    equal(second.wait(), 1, "and taken for everybody else")
doctor.reload(HEAD.replace("127.0.0.1:{port}", "0.0.0.0:{port}, 127.0.0.1:"
                           f"{web.port}"))
ok(reloads(False), "beside an address that is taken: refused")
doctor.reload(HEAD + check("two"))
equal((reloads(True) and doctor.status("/alwayshappy")), 200,
      "and the old one goes on")
doctor.reload(HEAD)
wait_ok(lambda: doctor.worker("extra") is None,
        "without targets there is no worker")
wait_ok(lambda: not doctor.metrics().select("kubenurse_worker_up.*"),
        "nor its series")
doctor.reload(HEAD + check("four"))
ok(doctor.wait_checks(["four"]).checks("four"), "and it comes again")
equal(doctor.metrics().total("kubenurse_worker_restarts_total.*"), 0,
      "which is no restart")
equal(doctor.stop(), 0, "K 6.2 SIGTERM without a wait: exit status 0")

# ------------------------------------------------------- a check's header file

FILED = check("filed", f"interval = 100ms\nheader_file = {WORK}/headers\n")
write("headers", "X-One: 1\r\n# a comment\r\n\r\nX-Two: 2\r\n")
doctor = Doctor(HEAD + FILED, name="filed")
doctor.wait_checks(["filed"])


def filed():
    return [one for one in web.requests if one.startswith("GET /filed ")]


def fails_because(why):
    """It is known in /alive and in the log, and nothing is sent meanwhile."""
    whole = f"header_file {WORK}/headers: {why}"
    wait_ok(lambda: doctor.results().get("filed") == whole, f"/alive: {why}")
    asked = len(filed())
    doctor.wait_checks(["filed"])
    equal(len(filed()), asked, "and no request without its headers")
    ok(doctor.wait_said(rf'check failed" type=filed .*error="{re.escape(whole)}"'),
       "and in the log")


equal(re.findall(r"X-\w+: .*?\r\n", filed()[0]), ["X-One: 1\r\n", "X-Two: 2\r\n"],
      "N 1.17 header_file: lines of another system's editor")
replace(f"{WORK}/headers", "X-One: 1\nAuthorization Bearer secret\n")
fails_because("line 2 is no header that a check may send")
like(doctor.log(), 'process=extra .*msg="a header file cannot be used" type=filed',
     "a worker's line of the log, as the supervisor's")
ok("secret" not in doctor.log(), "without what is in it")
equal(set(doctor.metrics().select('kubenurse_errors_total{type="filed",.*}')),
      {'kubenurse_errors_total{type="filed",event="wrote_request"}'},
      "as a token that cannot be read")
replace(f"{WORK}/headers", "")
fails_because("there is no header in it")
os.chmod(f"{WORK}/headers", 0)
doctor.send(signal.SIGHUP)
fails_because("Permission denied")
replace(f"{WORK}/headers", "X-Two: 3\n")
wait_ok(lambda: "X-Two: 3\r\n" in filed()[-1], "mended, it is read again")
os.remove(f"{WORK}/headers")
fails_because("No such file or directory")
write("headers", "no colon\n")
doctor.reload(HEAD + "log_format = json\nlog_level = error\n" + FILED)
wait_ok(lambda: doctor.said(r'"level":"error","process":"extra".*line 1 is no '),
        "N 1.14 another log_format by a reload: the workers take it, too")
doctor.stop()

# ------------------------------------------- the default file, when it comes late

port = free_ports(1)[0]
HERE = {"KUBENURSE_LISTEN": f"127.0.0.1:{port}",
        "KUBENURSE_CHECK_INTERVAL": "100ms",
        "KUBENURSE_SHUTDOWN_DURATION": "0s"}
DEFAULT = "/etc/kubenurse/kubenurse.ini"
shutil.rmtree("/etc/kubenurse", ignore_errors=True)
os.mkdir("/etc/kubenurse")
doctor = Doctor(None, name="late", port=port, env=HERE)
doctor.up()
wait_ok(lambda: doctor.said("nothing to check yet: add .check. or .neighbours. "
                            f"to the file.*{DEFAULT}"), "nothing to check: said")
replace(DEFAULT, check("late"))
ok(doctor.wait_checks(["late"]).checks("late"), "N 1.4 the file in /etc comes "
   "later: it is noticed")
os.chmod(DEFAULT, 0o600)
wait_ok(lambda: doctor.said("kubenurse.ini: cannot be opened as user [a-z]*: "
                            "Permission"),
        "nobody may read it: refused")
ok("late" in doctor.results(), "and nothing has changed")
os.chmod(DEFAULT, 0o644)
equal(reloads(True).number("kubenurse_config_last_reload_successful"), 1,
      "mended, it is noticed")
with open(DEFAULT, "w", encoding="ascii") as half:
    half.write(check("half"))
    half.flush()
    enough = doctor.metrics().checks("late") + 10
    wait(lambda: doctor.metrics().checks("late") >= enough)
    ok("half" not in doctor.results(), "a file that is open is not loaded",
       doctor.results())
    half.write(check("whole"))
ok(doctor.wait_checks(["half", "whole"]).checks("whole"),
   "it is once it has been closed")
like(doctor.log(), 'configuration reloaded" targets=2 was=1 '
     f"listen=127.0.0.1:{port} ", "the log says what has changed")
open(DEFAULT, "w", encoding="ascii").close()
wait_ok(lambda: doctor.said("it is empty, and was not before"),
        "a file that became empty is refused")
ok("whole" in doctor.results(), "and nothing has changed")
doctor.stop()
os.chmod(DEFAULT, 0o600)
replace(DEFAULT, check("secret", "ca = /no/ca.pem\n"))
os.chmod(DEFAULT, 0o600)
doctor = Doctor(None, name="secret", port=port, env=HERE)
doctor.up()
like(doctor.log(), "cannot read its configuration.*user=[a-z]+ "
     f"file={DEFAULT}.*Permission", "a file for root only: said at the start")
like(doctor.log(), "cannot read a file of the configuration.*user=[a-z]+ "
     "file=/no/ca.pem key=ca check=secret", "and so are the files it names")
doctor.stop()
status, said = run("--check-config", env={"KUBENURSE_USER": "no-such"})
ok(status == 2 and "user: there is no user no-such" in said,
   "--check-config knows who the program would become", (status, said))
status, said = run("--check-config")
ok(status == 2 and re.search(r"ini:3: ca: .*cannot be read: No such.*path of a "
                             "file that user [a-z]+ can read", said) and
   re.search("warning: .*user [a-z]+ cannot read it", said),
   "--check-config says both", (status, said))
shutil.rmtree("/etc/kubenurse")
doctor = Doctor(None, name="later", port=port, env=HERE)
doctor.up()
os.mkdir("/etc/kubenurse")
replace(DEFAULT, check("later"))
doctor.send(signal.SIGHUP)
wait(lambda: doctor.said("reloaded|is refused"))
if not doctor.said("Landlock|sanitizers"):  # it may read all files without
    like(doctor.log(), f"restart needed: .*file={DEFAULT}",
         "a directory that was not there at the start needs a restart")
doctor.stop()

# -------------------------------------------------------- a ConfigMap's volume

volume = f"{WORK}/volume"


def publish(version, ini):
    """As the kubelet does it."""
    os.makedirs(f"{volume}/..{version}")
    replace(f"{volume}/..{version}/kubenurse.ini", ini)
    os.symlink(f"..{version}", f"{volume}/..data_tmp")
    os.rename(f"{volume}/..data_tmp", f"{volume}/..data")


port = free_ports(1)[0]
ini = HEAD.replace("{port}", str(port))
publish("v1", ini + check("old"))
os.symlink("..data/kubenurse.ini", f"{volume}/kubenurse.ini")
mounted = Doctor(None, name="mounted", port=port, wrapper=(
    "sh", "-c", '"$0" --config volume/kubenurse.ini & '
    'trap "kill $!" TERM; wait $!; wait $!'))
mounted.wait_checks(["old"])
for version in ("v2", "v3"):
    publish(version, ini + check(version))
    ok(mounted.wait_checks([version]).checks(version),
       f"N 1.4 ..data swapped: {version} is there")
ok("old" not in mounted.results() and "v2" not in mounted.results(),
   "and nothing of before", mounted.results())
mounted.stop()
done()
