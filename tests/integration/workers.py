# SPDX-License-Identifier: Apache-2.0
# Runs alone: some of its workers loop and grow without end.
"""Workers of each kind that die, hang, grow or say nonsense: each is replaced,
counted once and for the right reason, no counter is lost, its check under way
is counted as lost, and the other kinds do not notice.  Who was only stopped
from outside (a frozen machine, a supervisor that got no processor) is not
blamed.  `workers.py SCENE...` plays those alone.
"""
import collections
import os
import ssl
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")

PATIENCE_S = 3 * DEADLINE_S  # many doctors work at the same time
HOST = "kubernetes.default.svc.cluster.local"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
# Each kind of worker, and the type of its one check.
KINDS = {"api_server_direct": "api_server_direct",
         "api_server_dns": "api_server_dns", "me_ingress": "me_ingress",
         "me_service": "me_service", "path": "path_other", "extra": "one",
         "discovery": None}
CHECKING = {kind for kind, check in KINDS.items() if check}
# Harmed in two turns, so that there are others to be undisturbed.
TURNS = [{"api_server_direct", "me_ingress", "path", "discovery"},
         {"api_server_dns", "me_service", "extra"}]
FAULTS = {
    "kill": ("signal", lambda pid: os.kill(pid, signal.SIGKILL)),
    "segv": ("signal", lambda pid: os.kill(pid, signal.SIGSEGV)),
    "exit": ("exit", lambda pid: harm(pid, "exit")),
    "stop": ("silent", lambda pid: os.kill(pid, signal.SIGSTOP)),
    "loop": ("silent", lambda pid: harm(pid, "loop")),
    "grow": ("memory", lambda pid: harm(pid, "grow")),
    "half": ("nonsense", lambda pid: harm(pid, "half")),
    "birth": ("nonsense", lambda pid: harm(pid, "birth")),
    "generation": ("nonsense", lambda pid: harm(pid, "generation")),
    "flood": ("nonsense", lambda pid: harm(pid, "flood")),
}
SAID = {
    "signal": "a worker died by a signal", "exit": "a worker exited",
    "silent": "a worker is silent, killing it",
    "memory": "a worker has grown too large, killing it",
    "nonsense": "a worker wrote (nonsense|a sample of a target it never got)",
}

replace("/etc/hosts", f"127.0.0.1 localhost {HOST}\n")
authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("server", f"IP:127.0.0.1,DNS:{HOST}"))
PROGRAM = harmed_program()
os.makedirs(ACCOUNT)
replace(f"{ACCOUNT}/token", "a token")
with open(authority.path, encoding="ascii") as file:
    replace(f"{ACCOUNT}/ca.crt", file.read())


class Ward:
    """A doctor with one check of each kind, and the server of them all, which
    can hold the answers back."""

    def __init__(self, name, port):
        self.name = name
        self.condition = threading.Condition()
        self.held = set()
        self.waiting = set()
        self.asked = collections.Counter()
        plain = Scripted(self._answer)
        secure = Scripted(self._answer, context=context)
        options = os.environ.get("ASAN_OPTIONS", "")
        self.doctor = Doctor(
            INI.replace("{web}", str(plain.port)), name=name, port=port,
            program=PROGRAM, env={
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(secure.port),
                "ASAN_OPTIONS": options + ":handle_segv=0"})

    def _answer(self, connection, request):
        if not request:
            return  # who asked has died meanwhile
        if HOST.encode() in request:
            kind = "api_server_dns"
        else:
            kind = {b"/version": "api_server_direct", b"/alwayshappy": "path",
                    b"/in/alwayshappy": "me_ingress", b"/extra": "extra",
                    b"/us/alwayshappy": "me_service"}[request.split()[1]]
        with self.condition:
            self.asked[kind] += 1
            if kind in self.held:
                self.waiting.add(kind)
            self.condition.wait_for(lambda: kind not in self.held)
        connection.sendall(OK)

    def hold(self, kinds):
        """From now on their checks are under way; true when they are."""
        with self.condition:
            self.held, self.waiting = kinds & CHECKING, set()
        return wait(lambda: self.waiting == self.held, PATIENCE_S)

    def release(self):
        with self.condition:
            self.held = set()
            self.condition.notify_all()

    def family(self):
        found = {}
        for pid in children(self.doctor.pid):
            try:
                found[title(pid).replace("kubenurse: ", "")] = pid
            except FileNotFoundError:
                pass
        return found

    def wait(self, condition):
        """Until it holds of a scrape; that scrape."""
        seen = []

        def there():
            threading.Event().wait(0.1)  # others want to look, too
            seen[:] = [self.doctor.metrics()]
            return condition(seen[0])
        wait(there, PATIENCE_S)
        return seen[0]

    def hear_hearts(self, kinds, count=2):
        """So many heartbeats of each: the last one tells of checks that had
        begun before."""
        for _ in range(count):
            before = self.doctor.metrics()
            self.wait(lambda now: all(
                cpu(now, kind) != cpu(before, kind) for kind in kinds))


INI = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 500ms
shutdown_duration = 60s
ingress_url = http://127.0.0.1:{{web}}/in
service_url = http://127.0.0.1:{{web}}/us
neighbour_source = static
neighbour_port = {{web}}
ready_follows_cordon = false
[check one]
url = http://127.0.0.1:{{web}}/extra
[neighbours]
neighbour = other 127.0.0.1
"""


def cpu(metrics, kind):
    return metrics.get(f'kubenurse_worker_cpu_seconds_total{{worker="{kind}"}}')


def requests(metrics, kind):
    return metrics.number("kubenurse_httpclient_requests_total"
                          f'{{type="{KINDS[kind]}",code="200"}}')


def lost(metrics, kind):
    return metrics.number(f'kubenurse_samples_lost_total{{worker="{kind}"}}')


def restarts(metrics, kind):
    """{reason: number}"""
    return {re.search('reason="(.*)"', series)[1]: int(value)
            for series, value in metrics.select(
                f'kubenurse_worker_restarts_total.worker="{kind}",.*').items()}


def goes_on(metrics, before, kinds, count):
    return all(requests(metrics, kind) >= requests(before, kind) + count
               for kind in kinds & CHECKING)


def places(pid):
    """Where the files of a process are mapped."""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps:
        return {tuple(line.split("-", 1)[0:1] + line.split()[2:3] +
                      line.split()[5:6])
                for line in maps if "/" in line}

# ------------------------------------------------------------------- the harm


def one_turn(ward, kinds, reason, do_harm):
    """Harms these kinds; what was seen, and what should have been."""
    doctor = ward.doctor
    ok_hold = ward.hold(kinds)
    ward.hear_hearts(kinds)
    before, old = doctor.metrics(), ward.family()
    places_before = {kind: places(old[kind]) for kind in ("nursery", *kinds)}
    for kind in kinds:
        do_harm(old[kind])
    ward.wait(lambda now: all(restarts(now, kind) for kind in kinds))
    ward.release()
    others = set(KINDS) - kinds
    ward.wait(lambda now: goes_on(now, before, others, 2))
    after = ward.wait(lambda now: goes_on(now, before, kinds, 2) and all(
        now.number(f'kubenurse_worker_up{{worker="{kind}"}}') == 1
        for kind in KINDS))
    new = ward.family()
    seen = []
    for kind in sorted(kinds):
        seen.append((f"N 4.30 {kind}: restarted once, a check is lost, no count",
                     {
                         "a check is under way": bool(ok_hold),
                         "restarts": restarts(after, kind),
                         "lost": lost(after, kind),
                         "goes on": goes_on(after, before, {kind}, 2),
                         "another process": old[kind] != new.get(kind),
                     }, {
                         "a check is under way": True,
                         "restarts": {reason: 1},
                         "lost": 1 if kind in CHECKING else 0,
                         "goes on": True, "another process": True}))
    for kind in sorted(others):
        seen.append((f"{kind}: undisturbed", {
            "restarts": restarts(after, kind), "lost": lost(after, kind),
            "goes on": goes_on(after, before, {kind}, 2),
            "process": new.get(kind)}, {
                "restarts": restarts(before, kind),
                "lost": lost(before, kind),
                "goes on": True, "process": old[kind]}))
    seen.append(("no check has failed",
                 after.select("kubenurse_errors_total.*"), {}))
    fresh = reason != "exit"  # all others end by a signal, of their own or ours
    seen.append(("the nursery is the same process", new["nursery"],
                 old["nursery"]))
    seen.append(("with all files at other addresses" if fresh else
                 "and as it was", places_before["nursery"].isdisjoint(
                     places(new["nursery"])), fresh))
    for kind in sorted(kinds if fresh else ()):
        seen.append((f"{kind}: and so has the new one",
                     places_before[kind].isdisjoint(places(new[kind])), True))
    return seen


def harm_all(ward):
    reason, do_harm = FAULTS[ward.name]
    ward.wait(lambda now: all(requests(now, kind) for kind in CHECKING))
    seen = [result for kinds in TURNS
            for result in one_turn(ward, kinds, reason, do_harm)]
    log = ward.doctor.log()
    for kind in KINDS:
        seen.append((f"{kind}: it is said", len(re.findall(
            rf"level=error .*{SAID[reason]}.*worker={kind}\b", log)), 1))
    if reason == "silent":
        silences = [int(word) for word in re.findall(r"silent_ms=(\d+)", log)]
        seen.append(("after two and a half seconds, and well within three",
                     (len(silences), all(2500 <= one <= 2750
                                         for one in silences)), (7, True)))
    return seen

# --------------------------------------------------------- and no harm at all


def freeze(ward, seconds, everybody):
    """Real time is the point here: so long nobody gets a processor."""
    before = ward.wait(lambda now: all(requests(now, kind)
                                       for kind in CHECKING))
    old = ward.family()
    pids = [ward.doctor.pid] + (list(old.values()) if everybody else [])
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    before = ward.doctor.metrics()
    ward.hear_hearts(KINDS)
    after = ward.wait(lambda now: goes_on(now, before, CHECKING, 2))
    return [("no worker is blamed", (
        after.select("kubenurse_worker_restarts_total.*"), ward.family()),
             ({}, old)),
            ("all goes on", goes_on(after, before, CHECKING, 2), True),
            ("no check is lost", after.total("kubenurse_samples_lost_total.*"),
             0)]


def freeze_machine(ward):
    return freeze(ward, 4, True)


def freeze_supervisor(ward):
    return freeze(ward, 10, False)


def fill_pipes(ward):
    """What does not fit any more is counted as lost, and nobody blamed."""
    ward.wait(lambda now: all(requests(now, kind) for kind in CHECKING))
    old = ward.family()
    os.kill(ward.doctor.pid, signal.SIGSTOP)
    for kind in KINDS:
        harm(old[kind], "fill")
    asked = dict(ward.asked)
    wait(lambda: all(ward.asked[kind] >= asked[kind] + 4 for kind in CHECKING),
         PATIENCE_S)
    os.kill(ward.doctor.pid, signal.SIGCONT)
    held = ward.hold(CHECKING)
    ward.hear_hearts(KINDS)
    after = ward.doctor.metrics()
    seen = [("no worker is blamed", (
        after.select("kubenurse_worker_restarts_total.*"), ward.family()),
             ({}, old)), ("a check is under way", bool(held), True)]
    for kind in sorted(CHECKING):
        seen.append((f"{kind}: each check is counted, or lost",
                     (requests(after, kind) + lost(after, kind),
                      lost(after, kind) >= 2),
                     (ward.asked[kind] - 1, True)))
    seen.append(("no check has failed",
                 after.select("kubenurse_errors_total.*"), {}))
    return seen


def be_stillborn(ward):
    """As long as a worker dies at once, it waits longer each time; how long in
    the end: tests/unit/test_restart.c and test_worker_pool.c."""
    before = ward.wait(lambda now: all(requests(now, kind)
                                       for kind in CHECKING))
    old = ward.family()
    replace(f"/run/stillbirth.{ward.doctor.pid}", "")
    os.kill(old["extra"], signal.SIGKILL)

    def delays():
        return re.findall(r"started again.* worker=extra after_ms=(\d+)",
                          ward.doctor.log())
    wait(lambda: len(delays()) >= 3, PATIENCE_S)
    os.unlink(f"/run/stillbirth.{ward.doctor.pid}")
    after = ward.doctor.metrics()
    new = ward.family()
    seen = [("it backs off", delays()[:3], ["1000", "2000", "4000"]),
            ("each death is counted", restarts(after, "extra"), {"signal": 3}),
            ("and it is down meanwhile", after[
                'kubenurse_worker_up{worker="extra"}'], "0"),
            ("the others are undisturbed",
             {kind: new.get(kind) for kind in KINDS if kind != "extra"},
             {kind: old[kind] for kind in KINDS if kind != "extra"})]
    after = ward.wait(lambda now: goes_on(now, before, CHECKING, 2))
    seen.append(("the first that lives goes on with the counters",
                 goes_on(after, before, CHECKING, 2), True))
    return seen


# The slow ones first, and those apart that want a processor for themselves.
SCENES = {"held supervisor": freeze_supervisor, "loop": harm_all,
          "frozen machine": freeze_machine, "stillbirth": be_stillborn,
          "stop": harm_all, "full pipe": fill_pipes,
          **{name: harm_all for name in FAULTS}}
names = sys.argv[1:] or list(SCENES)
stage = threading.Semaphore(5)
results = {}


def play(name, port):
    with stage:
        try:
            ward = Ward(name, port)
            results[name] = SCENES[name](ward)
            ward.doctor.halt()
        except Exception as error:  # pylint: disable=broad-except
            results[name] = [("is played to its end", repr(error), None)]


threads = [threading.Thread(target=play, args=both)
           for both in zip(names, free_ports(len(names)))]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for name in names:
    for what, is_, wanted in results[name]:
        equal(is_, wanted, f"{name}: {what}")
done()
