# SPDX-License-Identifier: Apache-2.0
"""Reloading: what is new starts, what is gone ends, and what has not changed
does not notice: its counters, its place in the interval, its connection, its
process.  What is bad, or needs a restart, changes nothing and is said.  RELOADS
of them leave nothing behind.  A worker that is replaced, because resolv.conf or
a CA is another one now, loses no check and makes none twice.
"""
import collections
import os
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
from keeper import Keeper, keeps  # noqa: E402

RELOADS = int(os.environ.get("RELOADS", "300"))


class Server(Keeper):
    """Remembers what was asked for, and holds back the answers to /held until
    told."""

    def __init__(self):
        self.asked = collections.Counter()
        self.free = threading.Event()
        super().__init__(self._answer)

    def _answer(self, connection, number, path):
        self.asked[path] += 1
        if path == "/held":
            self.free.wait()
        return keeps(connection, number, path)

    @property
    def connections(self):
        return len(self.per_connection)

    def count(self, path):
        return self.asked[path]


web, steady, next_door = Server(), Server(), Server()
HEAD = f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 60s
reuse_connections = true
service_url = http://127.0.0.1:{web.port}
neighbour_source = static
neighbour_port = {next_door.port}
"""
NEIGHBOURS = """[neighbours]
neighbour = a 127.0.0.1
"""


def check(name, more=""):
    return f"[check {name}]\nurl = http://127.0.0.1:{web.port}/{name}\n{more}"


# Alone at its server, for checks of one server share their connections.
KEPT = HEAD + f"""[check kept]
url = http://127.0.0.1:{steady.port}/kept
""" + check("rare", "interval = 1h\n") + NEIGHBOURS


def gauge(doctor):
    return doctor.metrics().number("kubenurse_config_last_reload_successful")


def more_checks(count=3):
    before = steady.count("/kept")
    return wait(lambda: steady.count("/kept") >= before + count)


def family(doctor):
    found = {}
    for pid in children(doctor.pid):
        found[title(pid).replace("kubenurse: ", "")] = pid
    return found

# --------------------------------------------- what has not changed goes on


volume = f"{WORK}/volume"


def publish(version, text):
    """As the kubelet does it."""
    old = os.path.realpath(f"{volume}/..data")
    os.makedirs(f"{volume}/..{version}")
    replace(f"{volume}/..{version}/kubenurse.ini",
            text.replace("{port}", str(doctor_port)))
    os.symlink(f"..{version}", f"{volume}/..data_tmp")
    os.rename(f"{volume}/..data_tmp", f"{volume}/..data")
    if old != f"{volume}/..data":
        os.unlink(f"{old}/kubenurse.ini")
        os.rmdir(old)


def rename(_, text):
    replace(f"{volume}/kubenurse.ini", text.replace("{port}",
                                                    str(doctor_port)))


def write(_, text):
    with open(f"{volume}/kubenurse.ini", "w", encoding="ascii") as file:
        file.write(text.replace("{port}", str(doctor_port)))


def hang_up(_, text):
    write(None, text)
    doctor.send(signal.SIGHUP)


doctor_port = free_ports(1)[0]
publish("first", KEPT + check("new_first"))
os.symlink("..data/kubenurse.ini", f"{volume}/kubenurse.ini")
doctor = Doctor(None, port=doctor_port, wrapper=(
    "sh", "-c", 'exec "$0" --config volume/kubenurse.ini'))
doctor.wait_checks(["kept", "rare", "new_first", "me_service", "path"])
members = family(doctor)
equal(steady.connections, 1, "a check keeps its connection")
for way, bring, old, new in (
        ("..data swapped", publish, "first", "second"),
        ("..data swapped again", publish, "second", "third"),
        ("written in place", write, "third", "fourth"),
        ("SIGHUP", hang_up, "fourth", "fifth"),
        ("renamed into place", rename, "fifth", "sixth")):
    before = doctor.metrics()
    bring(new, KEPT + check(f"new_{new}"))
    ok(doctor.wait_checks([f"new_{new}"]).checks(f"new_{new}"),
       f"{way}: the new check starts")
    gone = web.count(f"/new_{old}")
    more_checks()
    equal((web.count(f"/new_{old}"), f"new_{old}" in doctor.results()),
          (gone, False), f"{way}: the one that is gone ends")
    after = doctor.metrics()
    ok(after.checks("kept") >= before.checks("kept") + 3,
       f"{way}: the other one's counters go on")
    equal(steady.connections, 1, f"{way}: on the same connection")
    equal(web.count("/rare"), 1, f"{way}: an hour's check keeps its hour")
    equal(family(doctor), members, f"{way}: the processes are the same")

# --------------------------------------------- what a worker got at its birth

rename(None, KEPT + "neighbour = b 127.0.0.1\n")
wait_ok(lambda: doctor.metrics().total(
    'kubenurse_httpclient_requests_total.type="path_b",.*'),
        "another neighbour is checked")
now = family(doctor)
ok(now.pop("discovery") != members["discovery"],
   "discovery is replaced: it is told of its neighbours once")
equal(now, {name: pid for name, pid in members.items() if name != "discovery"},
      "nobody else is")
wait(lambda: next_door.count("/alwayshappy") >= 20)
ok(next_door.connections <= 2, "the neighbour that stayed keeps its connection",
   next_door.connections)
members = family(doctor)

# ------------------------------------------------- what changes nothing


def refused(text, reason, what):
    before = doctor.metrics()
    rename(None, text)
    wait_ok(lambda: gauge(doctor) == 0, f"{what}: refused")
    like(doctor.log(), reason, f"{what}: the log says why")
    more_checks()
    equal((family(doctor), steady.connections,
           doctor.metrics().checks("kept") >= before.checks("kept") + 3),
          (members, 1, True), f"{what}: all goes on as it was")
    rename(None, KEPT + "neighbour = b 127.0.0.1\n")
    wait_ok(lambda: gauge(doctor) == 1, f"{what}: the next good one is taken")


refused(KEPT + "no_such_key = 1\n", "no_such_key.*is refused", "a bad file")
free = free_ports(1)[0]
refused(KEPT.replace("listen = ", f"listen = 127.0.0.1:{free}, 127.0.0.1:"
                     f"{web.port}, "),
        f"listen 127.0.0.1:{web.port}: Address already in use",
        "an address that is taken")
try:
    socket.create_connection(("127.0.0.1", free), 1).close()
    state = "is open"
except ConnectionRefusedError:
    state = "refused"
equal(state, "refused", "the address beside it was not kept open")
RESTART = {"extra_ca": f"{volume}/kubenurse.ini", "api_server_host": "::1",
           "api_server_port": "1", "api_server_dns": "other.test",
           "api_server_insecure": "true\ninsecure = true", "histogram_buckets": "1, 2",
           "victoriametrics_histogram": "true", "legacy_metrics": "false",
           "neighbour_detail": "true", "sandbox": "off", "user": "daemon",
           "http_proxy": "http://192.0.2.1", "https_proxy": "http://192.0.2.1",
           "no_proxy": "other.test"}
before = doctor.metrics()
for key, value in RESTART.items():
    rename(None, KEPT.replace("[kubenurse]\n", f"[kubenurse]\n{key} = {value}\n"))
    wait_ok(lambda: doctor.said(
        rf"restart needed: this key cannot change.*key={key}\n"),
            f"{key} needs a restart, which is said")
more_checks()
equal((family(doctor), steady.connections, gauge(doctor)),
      (members, 1, 0), "and nothing has changed")
equal(doctor.metrics().total("kubenurse_worker_restarts_total.*") +
      doctor.metrics().total("kubenurse_samples_lost_total.*"), 0,
      "no worker died of all this, and no check was lost")

# ------------------------------------------------------- and leaves nothing


def own_bytes(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return 1024 * sum(int(line.split()[1]) for line in file
                          if line.startswith("Private_"))


def holdings():
    """What could grow: descriptors of all (but connections, which checks of
    one server share and close when they like), what inotify watches, and the
    types that have series: each has so many, as it meets the events."""
    pids = {"supervisor": doctor.pid, **family(doctor)}
    watched = 0
    for fd in os.listdir(f"/proc/{doctor.pid}/fdinfo"):
        with open(f"/proc/{doctor.pid}/fdinfo/{fd}", encoding="ascii") as file:
            watched += file.read().count("inotify wd:")
    return {"descriptors": {
        name: len([one for one in descriptors(pid)
                   if name == "supervisor" or not one.startswith("socket")])
        for name, pid in pids.items()},
            "watched": watched, "types": {
                one for series in doctor.metrics()
                for one in re.findall('type="([^"]*)"', series)}}


def total_bytes():
    return sum(own_bytes(pid) for pid in
               [doctor.pid, *family(doctor).values()])


log = open(doctor.log_path, encoding="utf-8", errors="replace")


def taken():
    """How many more reloads have been taken or refused since it was asked."""
    return len(re.findall("reloaded|is refused", log.read()))


def reload_often(count):
    """One good, one better, one bad, each when the one before is through."""
    texts = [KEPT + check("one"), KEPT + check("two") + check(
        "three", "header = X-Some: thing\n"), KEPT + "no_such_key = 1\n"]
    for i in range(count):
        rename(None, texts[i % 3])
        doctor.send(signal.SIGHUP)
        if not wait(taken):
            return False
    rename(None, KEPT)
    doctor.send(signal.SIGHUP)
    return wait(taken)


def settled():
    """The same twice, some checks apart: kept connections come and go."""
    seen = []

    def same():
        more_checks(5)
        seen.append(holdings())
        return len(seen) > 1 and seen[-1] == seen[-2]
    wait(same)
    return seen[-1]


rename(None, KEPT + check("one") + check("two") + check("three"))
doctor.wait_checks(["one", "two", "three"], 3)  # their series are there
taken()
ok(reload_often(60), "reloads are taken one after the other")
before, bytes_before = settled(), total_bytes()
ok(reload_often(RELOADS), f"{RELOADS} more of them")
after, bytes_after = settled(), total_bytes()
equal(after, before, "no descriptor, watch or type is left behind")
print(f"# {bytes_before} bytes before, {bytes_after} after")
if not doctor.said("built with sanitizers"):  # they keep freed memory
    ok(bytes_after <= bytes_before + (1 << 20),
       "memory is where it was: less than a megabyte more in all processes",
       f"{bytes_before} before, {bytes_after} after")
equal(steady.connections, 1, "the kept check is still kept")
equal(web.count("/rare"), 1, "and the hour's check still has its hour")
equal(family(doctor), {**members, "discovery": family(doctor)["discovery"]},
      "the processes are the same")
doctor.halt()

# ------------------------------------------------------------- replacements

SLOW = "interval = 1h\ntimeout = 5m\n"
doctor = Doctor(KEPT + check("held", SLOW), name="replaced")
doctor.wait_checks(["kept", "rare", "me_service", "path"])
wait_ok(lambda: web.count("/held") == 1, "a check is under way")
rare = web.count("/rare")
first = doctor.worker("extra")
for what, path, text in (
        ("resolv.conf", "/etc/resolv.conf", "nameserver 127.0.0.1\n"),
        ("the CAs", "/etc/ssl/certs/ca-certificates.crt", "# none\n")):
    members = family(doctor)
    replace(path, text)
    wait_ok(lambda: all(members[name] not in children(doctor.pid)
                        for name in ("me_service", "path")),
            f"{what}: the workers are replaced")
    ok(first in children(doctor.pid),
       f"{what}: who has a check under way stays")
    kept = doctor.metrics().checks("kept")
    wait_ok(lambda: doctor.metrics().checks("kept") >= kept + 3,
            f"{what}: the other checks go on meanwhile")
    equal((web.count("/held"), doctor.metrics().checks("held")), (1, 0),
          f"{what}: the one under way is neither doubled nor ended")
    equal(web.count("/rare"), rare, f"{what}: an hour's check keeps its hour")
web.free.set()
wait_ok(lambda: doctor.metrics().checks("held") == 1, "it ends, and counts")
wait_ok(lambda: first not in children(doctor.pid), "its worker leaves")
wait(lambda: doctor.metrics().checks("kept") >= kept + 10)
final = doctor.settle()
equal((final.total("kubenurse_samples_lost_total.*"),
       final.total("kubenurse_worker_restarts_total.*"),
       final.total("kubenurse_errors_total.*")), (0, 0, 0),
      "no check is lost, no worker died, no check failed")
equal(web.count("/held"), 1, "it was asked once, all in all")
doctor.halt()
done()
