# SPDX-License-Identifier: Apache-2.0
"""An hour (SOAK_SECONDS) in which everything goes wrong, at random but by a
seed (SOAK_SEED): servers, names, the API server, packets, the workers, the
supervisor, the configuration, certificates, tokens, clients, descriptors.  When
all is quiet again every check that was ever begun is accounted for, all sums
agree, and memory and descriptors are where they were.
"""
import collections
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("nft", "openssl", "prlimit")
from measure import *  # noqa: E402,F403
from world import MOODS, World  # noqa: E402

SECONDS = float(os.environ.get("SOAK_SECONDS", "3600"))
SEED = int(os.environ.get("SOAK_SEED", "20"))
print(f"# SOAK_SECONDS={SECONDS:g} SOAK_SEED={SEED}", flush=True)
choose = random.Random(SEED)

for words in (("addr", "add", "10.7.0.0/16", "dev", "lo"),):
    subprocess.run(("ip",) + words, check=True)
subprocess.run(["nft", "-f", "-"], check=True, text=True, input="""
table inet lab {
	set dropped { type inet_service; }
	chain input {
		type filter hook input priority 0
		tcp dport @dropped drop
		tcp sport @dropped drop
	}
}
""")
world = World(ACCOUNT)
refused, dropped = free_ports(2)
subprocess.run(["nft", "add", "element", "inet", "lab", "dropped",
                f"{{ {dropped} }}"], check=True)
LISTENER = world.authority.issue("listener", "IP:127.0.0.1")
for path in LISTENER:
    os.chmod(path, 0o644)
PLAIN, SECURE = (f"127.0.0.1:{web.port}" for web in
                 (world.plain, world.secure))
EXTRA = {  # name: (URL, more)
    **{f"plain_{i}": (f"http://{PLAIN}/{i}", "") for i in range(4)},
    **{f"secure_{i}": (f"https://{SECURE}/{i}", "") for i in range(2)},
    "by_name": (f"http://web.test:{world.plain.port}/", ""),
    "secure_by_name": (f"https://web.test:{world.secure.port}/", ""),
    "insecure": (f"https://{SECURE}/", "insecure = true\n"),
    "own_ca": (f"https://{SECURE}/", f"ca = {world.authority.path}\n"),
    "head": (f"http://{PLAIN}/", "method = HEAD\n"),
    "late": (f"http://{PLAIN}/", "timeout = 150ms\n"),
    "refused": (f"http://127.0.0.1:{refused}/", ""),
    "dropped": (f"http://127.0.0.1:{dropped}/", ""),
    "nowhere": ("http://nowhere.test/", ""),
    "unlike": (f"http://{PLAIN}/", "expect = 204\n"),
    "moved": (f"http://{PLAIN}/moved", ""),
    "loop": (f"http://{PLAIN}/loop", ""),
}
REDIRECTED = ("moved", "loop")
FAIL_ALWAYS = {"refused", "dropped", "nowhere", "unlike", "loop"}
BUILT_IN = ("api_server_direct", "api_server_dns", "me_ingress", "me_service")
WORKERS = BUILT_IN + ("path", "extra", "discovery")
TLS_PORT = free_ports(1)[0]


def configuration(extra=EXTRA, interval="250ms", more="", service=True):
    return f"""[kubenurse]
listen = 127.0.0.1:{{port}}
listen_tls = 127.0.0.1:{TLS_PORT}
use_tls = true
cert_file = {LISTENER[0]}
cert_key = {LISTENER[1]}
check_interval = {interval}
shutdown_duration = 60s
series_ttl = 24h
log_level = info
ingress_url = https://web.test:{world.ingress.port}
{f"service_url = http://{PLAIN}" if service else ""}
extra_ca = {world.authority.path}
neighbour_port = {world.neighbours.port}
namespace = kube-system
pod_name = pod-1
node_name = node-1
neighbour_limit = 5
{more}
""" + "".join(f"[check {name}]\nurl = {url}\ntimeout = 600ms\n{lines}"
              if "timeout" not in lines else
              f"[check {name}]\nurl = {url}\n{lines}"
              for name, (url, lines) in extra.items())


doctor = Doctor(configuration(), env={
    "KUBERNETES_SERVICE_HOST": "127.0.0.1",
    "KUBERNETES_SERVICE_PORT": str(world.api.port)})
ok(doctor.up(), "it starts", doctor.log())

# ----------------------------------------------------------------- accounting

WORKER_TYPES = {name: [name] for name in BUILT_IN}
WORKER_TYPES["path"] = ["path"]
WORKER_TYPES["extra"] = list(EXTRA) + ["visitor"]


KNOWN = re.compile(r"(kubenurse_(httpclient_(requests_total|request_duration_"
                   r"seconds|trace_request_duration_seconds)|errors_total|"
                   r"neighbourhood_incoming_checks|(phase|check)_duration_"
                   r"seconds|tcp_rtt_seconds|tcp_retransmits_total|tls_"
                   r"(certificate|chain)_expiry_timestamp_seconds|check_last_success_"
                   r"timestamp_seconds|neighbours|discovery_(up|last_success_"
                   r"timestamp_seconds|errors_total|received_bytes_total)|"
                   r"worker_(up|restarts_total|resident_memory_bytes|cpu_"
                   r"seconds_total|sandbox_level)|checks_(started|uncounted)_"
                   r"total|samples_lost_total|scheduler_lateness_seconds|dns_"
                   r"query_duration_seconds|dns_errors_total|tls_reload_"
                   r"successful|config_last_reload_(successful|success_"
                   r"timestamp_seconds)|build_info)|process_[a-z_]+)"
                   r"(_bucket|_sum|_count)?({.*})?")
accounts = Accounts(doctor, WORKER_TYPES, 2 * max(len(EXTRA), 14))


def replace_workers():
    replace_all(doctor, WORKERS)
    wait_quiet("all workers are new, and all is well")


def least_descriptors(rounds=40):
    return least(lambda: count_descriptors(doctor), rounds)


def is_quiet():
    metrics = doctor.metrics()
    results = doctor.results()
    wanted = set(BUILT_IN) | set(EXTRA)
    return all(metrics.number(f'kubenurse_worker_up{{worker="{worker}"}}') == 1
               for worker in WORKERS) and set(processes(doctor)) == \
        set(WORKERS) | {"supervisor", "nursery"} and \
        metrics.number("kubenurse_discovery_up") == 1 and \
        {name for name in wanted if results.get(name) != "ok"} == \
        FAIL_ALWAYS and sum(name.startswith("path_") and text == "ok"
                            for name, text in results.items()) == 5


def wait_quiet(what):
    good = wait(lambda: doctor.popen.poll() is not None or is_quiet(), 200)
    if doctor.popen.poll() is not None:
        ok(False, what, f"the supervisor has ended: {doctor.popen.poll()}\n" +
           "\n".join(doctor.log().splitlines()[-40:]))
        done()
    ok(good, what, "" if good else
       f"{doctor.results()}\n{processes(doctor)}\n" + "\n".join(
           line for line in doctor.metrics().text.splitlines()
           if re.match("kubenurse_(worker_up|discovery_up)", line)))


# --------------------------------------------------------------------- faults

def server_mood():
    web = choose.choice(world.webs)
    web.mood = choose.choice(list(MOODS))

    def end():
        web.mood = "fine"
    return f"server {web.mood}", end


def api_mood():
    world.api.mood = choose.choice(list(MOODS))

    def end():
        world.api.mood = "fine"
    return f"API server {world.api.mood}", end


def names():
    world.nameserver.mood = choose.choice(
        ("silent", "garbage", "servfail", "refused"))

    def end():
        world.nameserver.mood = "fine"
    return f"nameserver {world.nameserver.mood}", end


def packets():
    port = choose.choice(world.webs + [world.api]).port
    subprocess.run(["nft", "add", "element", "inet", "lab", "dropped",
                    f"{{ {port} }}"], check=True)

    def end():
        subprocess.run(["nft", "delete", "element", "inet", "lab", "dropped",
                        f"{{ {port} }}"], check=True)
    return "packets dropped", end


def harm_worker():
    kind = choose.choice(WORKERS)
    number = choose.choice((signal.SIGKILL, signal.SIGSTOP, signal.SIGSEGV,
                            signal.SIGABRT, signal.SIGTERM))
    pid = doctor.worker(kind)
    if pid:
        os.kill(pid, number)
    return f"{kind}: {number.name}", None


def stop_supervisor():
    doctor.send(signal.SIGSTOP)
    return "supervisor stopped", lambda: doctor.send(signal.SIGCONT)


def reload_good():
    way = choose.randrange(4)
    kept = {name: EXTRA[name] for name in EXTRA if choose.random() < 0.7}
    ini = configuration(
        extra={**kept, "visitor": (f"http://{PLAIN}/visitor", "")},
        interval=choose.choice(("100ms", "250ms", "1s")),
        service=way != 3,
        more="reuse_connections = true" if way == 2 else "")
    doctor.write(ini)
    doctor.send(signal.SIGHUP)

    def end():
        doctor.write(configuration())
        doctor.send(signal.SIGHUP)
    return "reload", end


def reload_bad():
    doctor.write(configuration(more=choose.choice(
        ("no_such_key = 1", "check_interval = never", "[broken",
         "sandbox = off", "log_format = xml"))))
    doctor.send(signal.SIGHUP)

    def end():
        doctor.write(configuration())
        doctor.send(signal.SIGHUP)
    return "bad reload", end


def trust():
    path = "/etc/ssl/certs/ca-certificates.crt"
    with open(path, encoding="ascii") as file:
        text = file.read()
    replace(path, text + open(world.authority.path, encoding="ascii").read())
    return "other CAs", lambda: replace(path, text)


def listener_certificate():
    text = [open(path, encoding="ascii").read() for path in LISTENER]
    if choose.random() < 0.5:
        replace(LISTENER[0], "no certificate\n")
    else:
        replace(LISTENER[0], text[0] + "\n")

    def end():
        for path, one in zip(LISTENER, text):
            replace(path, one)
    return "listener's certificate", end


def token():
    if choose.random() < 0.5:
        world.rotate()
        return "token rotated", None
    world.mount_token("wrong")
    return "token wrong", world.rotate


def neighbours():
    world.api.set_pods({name: pod for name, pod in world.all_pods.items()
                        if choose.random() < 0.6})
    return "neighbours", lambda: world.api.set_pods(world.all_pods)


def resolv_conf():
    replace("/etc/resolv.conf", "nameserver 127.0.0.53\noptions ndots:2\n"
            "options timeout:1 attempts:1\n")
    return "resolv.conf", lambda: replace(
        "/etc/resolv.conf", "nameserver 127.0.0.53\n"
        "options timeout:1 attempts:1\n")


def clients():
    held = []
    lines = (b"GET / HTTP/1.1\r\n", b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
             b"\x16\x03\x01\x02\x00", b"\0" * 100, b"GET /alive HTTP/0.9\r\n\r\n",
             b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
             b"zz\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"")
    for _ in range(300):
        try:
            one = socket.create_connection(
                ("127.0.0.1", choose.choice((doctor.port, TLS_PORT))), 1)
            one.setblocking(False)
            held.append(one)
            one.send(choose.choice(lines))
        except OSError:
            pass

    def end():
        for one in held:
            one.close()
    return "a wall of clients", end


def limit(pid, count):
    try:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            text = file.read()
    except FileNotFoundError:  # it has ended since
        return
    uid, gid = (int(re.search(rf"^{key}:\s+(\d+)", text, re.M)[1])
                for key in ("Uid", "Gid"))
    subprocess.run(["prlimit", "--pid", str(pid), f"--nofile={count}:"],
                   user=uid, group=gid, extra_groups=[],
                   stderr=subprocess.DEVNULL)


def descriptors_short():
    kind = choose.choice(("supervisor", "extra", "path", "me_ingress"))
    pid = processes(doctor).get(kind)
    if not pid:
        return "no descriptors to be had", None
    with open(f"/proc/{pid}/limits", encoding="ascii") as file:
        before = re.search(r"open files +(\d+)", file.read())[1]
    limit(pid, len(descriptors(pid)) + choose.randrange(3))
    return f"{kind}: no descriptors", lambda: limit(pid, before)


FAULTS = (server_mood, server_mood, server_mood, api_mood, names, packets,
          harm_worker, harm_worker, stop_supervisor, reload_good, reload_bad,
          trust, listener_certificate, token, neighbours, resolv_conf, clients,
          descriptors_short)

# ----------------------------------------------------------------------- soak

wait_quiet("all is well before")
# what malloc keeps after a wall of clients is kept once, however many follow
for _ in range(6):
    clients()[1]()
replace_workers()
doctor.wait_checks(list(EXTRA), 20)
rss_before, pss_before = memory_kib(doctor, "Rss"), memory_kib(doctor, "Pss")
descriptors_before = least_descriptors()

end_mono = time.monotonic() + SECONDS
running = []  # (when it ends, how, which)
happened = collections.Counter()
while time.monotonic() < end_mono and doctor.popen.poll() is None:
    now = time.monotonic()
    for one in [one for one in running if one[0] <= now]:
        running.remove(one)
        one[1]()
    busy = {one[2] for one in running}
    fault = choose.choice(FAULTS)
    # a fault that lasts is there once; reloads share one file
    sort = "reload" if "reload" in fault.__name__ else fault.__name__
    if sort not in busy and len(running) < 4 and \
            not (busy & {"stop_supervisor"} and sort != "server_mood"):
        try:
            what, end = fault()
        except FileNotFoundError:  # the process has just ended
            what, end = fault.__name__ + ": too late", None
        happened[fault.__name__] += 1
        if end:
            running.append((now + choose.uniform(0.3, 4), end, sort))
    time.sleep(choose.uniform(0.05, 0.4))  # the soak itself
    if not any(one[2] == "stop_supervisor" for one in running):
        accounts.look(KNOWN)
for _, end, _ in running:
    end()
doctor.reload(configuration())
wait_quiet("all is well again, and no worker is down")

print(f"# {dict(happened)}, {accounts.scrapes} scrapes", flush=True)
ok(not accounts.findings,
   "nothing went backwards, no series is of an unknown sort, and nothing is in "
   "flight that there is no target for",
   "\n".join(map(str, accounts.findings.most_common(30))))
at_end = doctor.metrics()
doctor.wait_checks(list(EXTRA), max(map(at_end.checks, EXTRA)) + 1)


def descriptors_are_back():
    now = least_descriptors(10)
    return all(now[name] <= count for name, count in
               descriptors_before.items())


ok(wait(descriptors_are_back, 60), "descriptors are where they were",
   f"before {descriptors_before}\nnow {least_descriptors()}\n"
   f"{open_descriptors(doctor)}")
rss_after = memory_kib(doctor, "Rss")
print(f"# RSS in KiB before {rss_before}, after {rss_after}", flush=True)
# of the largest answers and tables
large = {name: (rss_before[name], size) for name, size in rss_after.items()
         if size > rss_before[name] * 1.25 + 2048}
ok(not large, "no process has grown by more than a quarter and 2 MiB", large)
replace_workers()  # workers of one nursery share most of what they have
pss_after = memory_kib(doctor, "Pss")
print(f"# PSS in KiB before {pss_before}, after {pss_after}", flush=True)
ok(sum(pss_after.values()) <= sum(pss_before.values()) * 1.25,
   f"all together are where they were: {sum(pss_before.values())} KiB before, "
   f"{sum(pss_after.values())} KiB after, at most a quarter more")

# ----------------------------------------------------------- everything adds up

final = doctor.settle()
for balanced, what in accounts.balance(final):
    ok(balanced, what)
for name in BUILT_IN + tuple(EXTRA) + ("path",):
    phases, whole = (final.total_ns(
        f'kubenurse_{what}_duration_seconds_sum{{type="{name}",.*}}')
        for what in ("phase", "check"))
    # hops that came before one whose check was lost or cut short count
    ok(phases == whole or name in REDIRECTED and phases > whole,
       f"{name}: the phases sum to the checks", f"{phases} ns, {whole} ns")
    types = "path_.*" if name == "path" else name
    errors = final.total(f'kubenurse_errors_total{{type="{types}",.*}}')
    failed = final.number('kubenurse_check_duration_seconds_count'
                          f'{{type="{name}",outcome="error"}}')
    ok(errors == failed, f"{name}: one error a failed check",
       f"{errors} errors, {failed} checks")
    requests = final.total(
        f'kubenurse_httpclient_requests_total{{type="{types}",.*}}')
    ended = final.checks(name)
    ok(requests == ended or name in REDIRECTED and requests > ended,
       f"{name}: one request a check", f"{requests} requests, {ended} checks")
    answered = final.total('kubenurse_httpclient_requests_total'
                           f'{{type="{types}",code="[0-9]*"}}')
    timed = final.total('kubenurse_httpclient_request_duration_seconds_count'
                        f'{{type="{types}"}}')
    ok(answered == timed, f"{name}: each answer is timed",
       f"{answered} answers, {timed} times")

# ------------------------------------------------------------------- the log

log = doctor.log()
with open(f"{SOURCE}/docs/operations.md", encoding="utf-8") as page:
    explained = page.read()
unexplained = collections.Counter()
for line in log.splitlines():
    level = re.search(r"\blevel=(\w+)", line)
    message = re.search(r'\bmsg=("[^"]*"|\S+)', line)
    if not level or not message:
        unexplained[line] += 1
    elif level[1] in ("warn", "error") and \
            f"`{message[1].strip(chr(34))}`" not in explained:
        unexplained[message[0]] += 1
ok(not unexplained, "each warning and error stands in docs/operations.md",
   "\n".join(map(str, unexplained.most_common(20))))
# (one that is stopped while it is to leave is killed, and that is said)
for never in ("forbidden system call", "nonsense", "target it never got",
              "grown too large"):
    found = [line for line in log.splitlines() if never in line]
    ok(not found, f"nothing was said of: {never}", "\n".join(found[:5]))
ok("token-" not in log, "no token is in the log")
doctor.halt()
done()
