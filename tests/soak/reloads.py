# SPDX-License-Identifier: Apache-2.0
"""Ten minutes (RELOADS_SECONDS) of a thousand reloads a minute, each to another
configuration by a seed (RELOADS_SEED), as SIGHUP and as a swap of a ConfigMap's
`..data`: checks come, go, change and stay, so do listeners, neighbours, a whole
worker and the CAs of a check, and every fourth file is bad; in the first third
the system's CAs change as well, so that all workers are replaced.  What stays
must not notice, nothing may be left behind, and what holds is the last file.
"""
import os
import random
import ssl
import statistics
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
from keeper import Keeper, keeps  # noqa: E402
from measure import *  # noqa: E402,F403

SECONDS = float(os.environ.get("RELOADS_SECONDS", "600"))
SEED = int(os.environ.get("RELOADS_SEED", "6"))
PERIOD_S = 60 / 1000  # a thousand a minute
print(f"# RELOADS_SECONDS={SECONDS:g} RELOADS_SEED={SEED}", flush=True)
choose = random.Random(SEED)
SHARE_WITH_CAS = 1 / 3
CAS_EVERY_S = min(15, SECONDS * SHARE_WITH_CAS / 3)
WARM_COUNT = 200


class Web(Keeper):
    """Remembers when each path was asked for."""

    def __init__(self, **more):
        self.asked = {}
        super().__init__(self._note, **more)

    def _note(self, connection, number, path):
        self.requests.clear()
        host = connection.getsockname()[0]
        self.asked.setdefault((host, path), []).append(time.monotonic())
        return keeps(connection, number, path)

    def times(self, path, host="127.0.0.1"):
        return self.asked.get((host, path), [])


def make_authority(name):
    authority = Authority(name)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(f"{name}-server", "IP:127.0.0.1"))
    return authority.path, context


CA, context = make_authority("authority")
OTHER_CA = make_authority("other")[0]
web, secure = Web(), Web(context=context)
next_door = Web(host="0.0.0.0")
VOLUME = f"{WORK}/volume"
TRUST = f"{WORK}/trust"
TRUSTED = [f"{TRUST}/{place}ca.crt" for place in ("", "a/", "b/", "c/d/")]
for path in TRUSTED:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(CA, path)
    os.chmod(path, 0o644)
PORTS = free_ports(4)
KEPT = [f"kept_{i}" for i in range(4)]
VISITORS = [f"visitor_{i}" for i in range(6)]
WORKERS = ("extra", "path", "me_ingress", "me_service", "discovery")
STAY = ("extra", "path", "me_ingress", "nursery")  # nothing of theirs changes
BAD = ("no_such_key = 1", "check_interval = never", "[broken", "sandbox = off",
       "histogram_buckets = 2, 1", "taken")


class Plan:
    """A configuration, and what is seen of it when it is in force."""

    def __init__(self, visitors, ports=(), others=(), service=True,
                 trust=TRUSTED[0]):
        self.visitors = visitors  # {name: which variant of it}
        self.ports, self.others = list(ports), list(others)
        self.service, self.trust = service, trust

    def text(self, more=""):
        listen = ", ".join(f"127.0.0.1:{port}"
                           for port in [PORTS[0]] + self.ports)
        if more == "taken":  # the one before it is free
            listen, more = listen + (f", 127.0.0.1:{PORTS[3]}"
                                     f", 127.0.0.1:{web.port}"), ""
        service = f"service_url = http://127.0.0.1:{web.port}/service"
        return f"""[kubenurse]
listen = {listen}
check_interval = 100ms
shutdown_duration = 60s
series_ttl = 24h
reuse_connections = true
ingress_url = http://127.0.0.1:{web.port}/ingress
{service if self.service else ""}
neighbour_source = static
neighbour_port = {next_door.port}
{more}
[neighbours]
neighbour = stays 127.0.0.1
{"".join(f"neighbour = n{i} 127.0.0.{i}{chr(10)}" for i in self.others)}
[check rare]
url = http://127.0.0.1:{web.port}/rare
interval = 1h
[check trusting]
url = https://127.0.0.1:{secure.port}/trusting
ca = {self.trust}
""" + "".join(f"""[check {name}]
url = http://127.0.0.1:{web.port}/{name}
interval = 1s
""" for name in KEPT) + "".join(f"""[check {name}]
url = https://127.0.0.1:{secure.port}{self.path(name)}
ca = {CA}
{"header = X-Variant: 2" if variant == 2 else ""}
""" for name, variant in self.visitors.items())

    def path(self, name):
        return f"/{name}/{self.visitors[name] % 2}"

    def types(self):
        return {"rare", "trusting", "me_ingress", "path_stays", *KEPT,
                *self.visitors, *(f"path_n{i}" for i in self.others),
                *(["me_service"] if self.service else [])}


def draw():
    return Plan({name: choose.randrange(3) for name in VISITORS
                 if choose.random() < 0.6},
                ports=[port for port in PORTS[1:3] if choose.random() < 0.5],
                others=[i for i in (2, 3, 4) if choose.random() < 0.5]
                if choose.random() < 0.1 else last_good.others,
                service=choose.random() < 0.5
                if choose.random() < 0.1 else last_good.service,
                trust=choose.choice(TRUSTED))


HOME = Plan({name: 0 for name in VISITORS}, others=(2, 3, 4))
EVERYTHING = [Plan({name: variant for name in VISITORS}, PORTS[1:3], (2, 3, 4),
                   trust=path) for variant in range(3) for path in TRUSTED]
last_good = HOME
version = 0


def publish(text):
    """As the kubelet does it."""
    global version
    version += 1
    os.makedirs(f"{VOLUME}/..{version}")
    replace(f"{VOLUME}/..{version}/kubenurse.ini", text)
    os.symlink(f"..{version}", f"{VOLUME}/..data_tmp")
    os.rename(f"{VOLUME}/..data_tmp", f"{VOLUME}/..data")
    if version > 1:
        shutil.rmtree(f"{VOLUME}/..{version - 1}")


publish(HOME.text())
os.symlink("..data/kubenurse.ini", f"{VOLUME}/kubenurse.ini")
doctor = Doctor(None, port=PORTS[0], wrapper=(
    "sh", "-c", 'exec "$0" --config volume/kubenurse.ini'))
ok(doctor.up(), "it starts", doctor.log()) or done()
accounts = Accounts(doctor, {
    "extra": ["rare", "trusting", *KEPT, *VISITORS], "path": ["path"],
    "me_ingress": ["me_ingress"], "me_service": ["me_service"]},
    2 * (2 + len(KEPT) + len(VISITORS)))
log = open(doctor.log_path, encoding="utf-8", errors="replace")
taken, refused = 0, 0


def hear():
    """Reads on in the log; (taken, refused) so far."""
    global taken, refused
    text = log.read()
    taken += text.count("configuration reloaded")
    refused += text.count("the new configuration is refused")
    return taken, refused


def soon(condition):
    """As wait(), for what takes a millisecond a thousand times a minute."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end:
            ok(False, "a reload is taken or refused", doctor.log()[-4000:])
            done()
        time.sleep(0.001)


def reload_once(plan, bad=None, hang_up=True):
    """Until it has been taken; or refused, when there is something bad."""
    global last_good
    was = hear()[bool(bad)]
    publish(plan.text(bad or ""))
    if hang_up:
        doctor.send(signal.SIGHUP)
    soon(lambda: hear()[bool(bad)] > was)
    if not bad:
        last_good = plan

# ------------------------------------------------------------------ reloading


count = 0
next_look = next_own_ca = 0.0


def step():
    """The next reload, when it is due."""
    global count, next_look, next_own_ca
    count += 1
    due = began + count * PERIOD_S
    if due > time.monotonic():
        time.sleep(due - time.monotonic())  # the pace
    if count % 50 == 0:  # the swap alone is noticed after a moment of silence
        reload_once(draw(), hang_up=False)
    elif choose.random() < 0.25:
        reload_once(draw(), bad=choose.choice(BAD))
    else:
        reload_once(draw())
    now = time.monotonic()
    if now >= next_own_ca:  # the same file with another text
        next_own_ca = now + 2
        with open(CA, encoding="ascii") as file:
            text = file.read()
        replace(choose.choice(TRUSTED), text + "\n" * choose.randrange(9))
    if now >= next_look:
        next_look = now + 1
        accounts.look()


def steps(number):
    global began, count
    began, count = time.monotonic(), 0
    for _ in range(number):
        step()


def change_cas_at_times():
    """All workers are replaced, while reloads go on."""
    before = processes(doctor)
    change_cas()
    end = time.monotonic() + DEADLINE_S
    while not are_new(doctor, before, WORKERS[:3]):
        step()
        if time.monotonic() > end:
            return ok(False, "all workers are replaced",
                      f"{before} {processes(doctor)}")
    return True


def in_force():
    """The checks that are well, as /alive has it."""
    return {name for name, result in doctor.results().items()
            if result == "ok" and name != "neighbourhood_state"}


def settle_at_home():
    reload_once(HOME)
    now = doctor.metrics()
    names = [*KEPT, *VISITORS, "trusting", "me_ingress", "me_service"]
    before = {name: now.checks(name) for name in names}
    wait_ok(lambda: doctor.popen.poll() is None and all(
        doctor.metrics().checks(name) >= before[name] + 3 for name in names) and
        set(processes(doctor)) == {"supervisor", "nursery", *WORKERS} and
        in_force() == HOME.types(),
            "with the first configuration all is well", 3 * DEADLINE_S)


def new_workers():
    """All are new, and each has the memory that reloads take once."""
    replace_all(doctor, WORKERS)
    settle_at_home()
    steps(WARM_COUNT)
    settle_at_home()


def sorts_of_series(metrics):
    """Which of those that share connections has to open one is chance; that a
    segment is sent again is chance, too."""
    return {re.sub('type="(kept|rare|trusting|visitor)[_0-9]*"', "one of them",
                   series) for series in metrics
            if "tcp_retransmits" not in series} | {
                one for series in metrics
                for one in re.findall('type="[^"]*"', series)}


def measure(what):
    """Everything that could grow, in the first configuration."""
    woke, then = wakeups(doctor), time.monotonic()
    kept = doctor.metrics().checks(KEPT[0])
    wait(lambda: doctor.metrics().checks(KEPT[0]) >= kept + 10,
         3 * DEADLINE_S)
    seconds = time.monotonic() - then
    found = {
        "wakeups": {name: round((number - woke.get(name, 0)) / seconds)
                    for name, number in wakeups(doctor).items()},
        "descriptors": least(lambda: count_descriptors(doctor)),
        "watched": least(lambda: count_fdinfo(doctor, "tfd:")),
        "directories": count_fdinfo(doctor, "inotify wd:")["supervisor"],
        "series": len(doctor.metrics()),
        "sorts": sorts_of_series(doctor.metrics()),
        "pss": memory_kib(doctor, "Pss"),
        "private": memory_kib(doctor, "Private_Dirty"),
    }
    print(f"# {what}: " + ", ".join(
        f"{key} {value}" for key, value in found.items() if key != "sorts"),
          flush=True)
    return found


def compare(before, after, what):
    """Which idle connections are kept at the moment makes a difference of two;
    and PSS is shared among more or fewer: what a process has grown is its own.
    """
    for key in ("descriptors", "watched"):
        ok(all(number <= before[key].get(name, 0) + 2
               for name, number in after[key].items()),
           f"{what}: {key} are where they were",
           f"{before[key]}\n{after[key]}")
    equal(after["directories"], directories,
          f"{what}: as many directories are watched as at the start")
    equal([one for one in after["sorts"] if one not in before["sorts"]], [],
          f"{what}: there is no series of another sort")
    if doctor.said("built with sanitizers"):  # they keep freed memory
        return
    for name in sorted(before["private"]):
        ok(after["private"].get(name, 0) <= before["private"][name] + 512,
           f"{what}: {name} has not grown by half a megabyte",
           f"{before['private'][name]} {after['private'].get(name)}")
        # each timer and each connection that was left behind wakes it up
        ok(after["wakeups"].get(name, 0) <=
           before["wakeups"][name] * 1.25 + 10,
           f"{what}: {name} wakes up as often as it did",
           f"{before['wakeups'][name]} {after['wakeups'].get(name)}")
    totals = [sum(one["pss"].values()) for one in (before, after)]
    # who else maps the same libraries makes a difference
    ok(totals[1] <= totals[0] * 1.25,
       f"{what}: PSS of all processes is where it was: {totals[0]} KiB before, "
       f"{totals[1]} KiB after")


def offset_s(times):
    """Where in its second it is checked, from the first one on."""
    return statistics.median((one - times[0] + 0.5) % 1
                             for one in times) - 0.5


def compare_offsets(since, before, what):
    """A check may be late: a worker that was replaced is made up for."""
    for name in KEPT:
        times = [one for one in web.times(f"/{name}") if one > since]
        off = offset_s(times)
        moved = abs((times[0] + off - before[name] + 0.5) % 1 - 0.5)
        ok(moved < 0.05, f"{what}: {name} is checked where it was in its second",
           f"moved by {moved} s")
        late = [one - times[0] - off - number
                for number, one in enumerate(times)]
        ok(-0.5 < min(late) and max(late) < 1,
           f"{what}: {name} was checked in each of {len(times)} seconds, once",
           [(number, one) for number, one in enumerate(late)
            if not -0.5 < one < 1])
        print(f"# {name} moved by {1000 * moved:.1f} ms; at the most "
              f"{1000 * max(late):.0f} ms late", flush=True)
    equal(len(web.times("/rare")), 1, f"{what}: an hour's check keeps its hour")

# ----------------------------------------------------------------------- soak


settle_at_home()
directories = count_fdinfo(doctor, "inotify wd:")["supervisor"]
for plan in EVERYTHING:  # all series that there can be
    reload_once(plan)
    wait(lambda: set(doctor.results()) >= plan.types() and
         all(secure.times(plan.path(name)) for name in VISITORS))
new_workers()
offsets_since = time.monotonic()
wait(lambda: all(len([one for one in web.times(f"/{name}")
                      if one > offsets_since]) >= 15 for name in KEPT),
     3 * DEADLINE_S)
offsets = {}
for name in KEPT:
    times = [one for one in web.times(f"/{name}") if one > offsets_since]
    offsets[name] = (times[0] + offset_s(times)) % 1
first = measure("before")

replacements, reloads = 0, hear()
began, count = time.monotonic(), 0
next_cas = began + CAS_EVERY_S / 2
while time.monotonic() < began + SECONDS * SHARE_WITH_CAS:
    step()
    if time.monotonic() >= next_cas:
        next_cas += CAS_EVERY_S
        replacements += change_cas_at_times()
print(f"# {count} reloads with {replacements} replacements of all workers, in "
      f"{time.monotonic() - began:.0f} s", flush=True)
ok(replacements > 0, f"all workers were replaced {replacements} times")
steady_count = count

new_workers()
second = measure("all new")
compare(first, second, "with other CAs")
compare_offsets(offsets_since, offsets, "with other CAs")

members = processes(doctor)
began, count = time.monotonic(), 0
while time.monotonic() < began + SECONDS * (1 - SHARE_WITH_CAS):
    step()
print(f"# {count} reloads with the same workers, in "
      f"{time.monotonic() - began:.0f} s", flush=True)
steady_count += count
equal({name: processes(doctor).get(name) for name in STAY},
      {name: members[name] for name in STAY},
      "no worker is another one for what did not change")
settle_at_home()
third = measure("after")
compare(second, third, "with the same workers")
compare_offsets(offsets_since, offsets, "with the same workers")

# ------------------------------------------- and what holds is the last of them


def open_ports():
    found = []
    for port in PORTS:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            found.append(port)
        except ConnectionRefusedError:
            pass
    return found


def asked_now():
    """The paths of visitors that are asked for from now on."""
    since = time.monotonic()
    kept = len(web.times(f"/{KEPT[0]}"))
    wait(lambda: len(web.times(f"/{KEPT[0]}")) >= kept + 2)
    return {path for (_, path), times in list(secure.asked.items())
            if times[-1] > since + 0.5 and path.startswith("/visitor")}


for number in range(5):
    for _ in range(20):  # faster than they can be taken
        last_good = draw()
        publish(last_good.text())
        doctor.send(signal.SIGHUP)
    plan = last_good
    wanted = set(map(plan.path, plan.visitors))
    wait_ok(lambda: in_force() == plan.types(), f"the last of twenty at once is in force, {number}")
    wait_ok(lambda: open_ports() == [PORTS[0]] + plan.ports,
            f"and it is its listeners that are open, {number}")
    wait_ok(lambda: asked_now() == wanted,
            f"and nothing is asked for that is not in it, {number}",
            3 * DEADLINE_S)
reload_once(Plan({}, trust=OTHER_CA, service=False))
wait_ok(lambda: doctor.results().get("trusting") != "ok",
        "a CA that did not sign it is not trusted any more")
reload_once(HOME)
wait_ok(lambda: doctor.results().get("trusting") == "ok",
        "and the one that did is trusted again")
for text, good in ((OTHER_CA, False), (CA, True)):
    with open(text, encoding="ascii") as file:
        replace(HOME.trust, file.read())
    reload_once(HOME)  # before the change has been noticed
    wait_ok(lambda: (doctor.results().get("trusting") == "ok") == good,
            "a CA that was replaced right before a reload is the new one, "
            f"{'good' if good else 'bad'}")

# ----------------------------------------------------------- everything adds up

hear()
print(f"# {taken} taken, {refused} refused, {accounts.scrapes} scrapes",
      flush=True)
ok(steady_count >= 0.9 * SECONDS / PERIOD_S,
   f"a thousand reloads a minute: {steady_count} in {SECONDS:g} s")
ok(not accounts.findings, "no counter went backwards, and nothing was in "
   "flight that there is no target for",
   "\n".join(map(str, accounts.findings.most_common(30))))
final = doctor.settle()
for balanced, what in accounts.balance(final):
    ok(balanced, what)
for name in KEPT:
    asked, checks = len(web.times(f"/{name}")), final.checks(name)
    # the last one may have been cut short by the end
    ok(checks <= asked <= checks + 1,
       f"{name}: each check that was made is counted, over all of it",
       f"{asked} asked for, {checks} checks")
    equal(final.total(f'kubenurse_errors_total{{type="{name}",.*}}'), 0,
          f"{name}: and none has failed")
equal((final.total("kubenurse_samples_lost_total.*"),
       final.total("kubenurse_worker_restarts_total.*")), (0, 0),
      "no check was lost, and no worker died")
doctor.halt()
done()
