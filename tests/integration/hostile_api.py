# SPDX-License-Identifier: Apache-2.0
# Takes long: half a gigabyte has to be read, several times.
"""An API server that means harm: answers that unpack to a thousand times their
size, that never end, are too deep or tell of too many neighbours, and changes
without end.  Each is one error, counted and said; discovery is not killed for
it, and the neighbours that were known are checked.  Nine doctors at a time, for
the waits between.
"""
import json
import os
import ssl
import sys
import threading
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
from api_server import *  # noqa: E402,F403

enter()
need("openssl")
authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("api", "IP:127.0.0.1"))
be_at("10.8.0.0/14")
os.makedirs(ACCOUNT)
os.chmod("/var/run/secrets", 0o755)
replace(f"{ACCOUNT}/token", "token")
shutil.copy(authority.path, f"{ACCOUNT}/ca.crt")
LONG_S = 150       # half a gigabyte is read, perhaps under sanitizers
NEIGHBOURS_MAX = 20000
PSS_MAX_MIB = 40   # of all processes; a pod of k8s/ may have 64
neighbour = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                          b"Connection: close\r\n\r\n"), host="0.0.0.0")
GONE = json.dumps({"type": "ERROR", "object": {
    "kind": "Status", "code": 410, "message": "too old"}}).encode() + b"\n"


class Nurse(Doctor):
    """A doctor, an API server of its own, and two neighbours."""

    def __init__(self, name, more=""):
        self.api = ApiServer(context)
        for i in range(3):
            self.api.pod(f"kubenurse-{i}", f"node-{i}", f"10.8.1.{i}")
        super().__init__(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 500ms
shutdown_duration = 0s
neighbour_port = {neighbour.port}
namespace = ns
pod_name = kubenurse-0
check_api_server_direct = false
check_api_server_dns = false
check_me_ingress = false
check_me_service = false
{more}""", name=name, env={"KUBERNETES_SERVICE_HOST": "127.0.0.1",
                           "KUBERNETES_SERVICE_PORT": str(self.api.port)})
        wait(lambda: self.checked() >= {"node-1", "node-2"})
        wait(self.api.watched_s)

    def checked(self):
        return {key.removeprefix("path_") for key in self.results()
                if key.startswith("path_")}

    def errors(self, reason):
        return self.metrics().total(
            f'kubenurse_discovery_errors_total.*"{reason}".*')

    def restarts(self):
        return self.metrics().total("kubenurse_worker_restarts_total.*")


def endless(begin, more, packed=False):
    """An act: begins, and goes on until the client has enough."""
    def act(connection):
        field, first, rest = b"", begin, more * (1 << 20)
        if packed:
            pack = zlib.compressobj(9, zlib.DEFLATED, 31)
            field = b"Content-Encoding: gzip\r\n"
            first = pack.compress(begin) + pack.flush(zlib.Z_FULL_FLUSH)
            # a block that refers to nothing before it may come again
            rest = pack.compress(rest) + pack.flush(zlib.Z_FULL_FLUSH)
        try:
            connection.sendall(HEAD + field + b"\r\n" + first)
            while True:
                connection.sendall(rest)
        except OSError:
            return
    return act


def pods(count):
    return {f"p-{i}": [f"p-{i}", "1/1", "Running",
                       f"10.{9 + (i >> 16)}.{i >> 8 & 255}.{i & 255}",
                       f"n-{i}"] for i in range(count)}


def try_act(name, act, text):
    """What is asked next is a watch, and after its failure a list."""
    nurse = Nurse(name)
    nurse.api.acts["pods"] = act
    nurse.api.cut()
    wait_ok(lambda: nurse.errors("malformed") >= 2,
            f"{name}: malformed, as a watch and as a list", LONG_S)
    like(nurse.log(), text, f"{name}: the log says why")
    equal(nurse.restarts(), 0, f"{name}: discovery is not killed")
    equal(nurse.checked(), {"node-1", "node-2"},
          f"{name}: the known neighbours are checked")
    del nurse.api.acts["pods"]
    wait_ok(lambda: nurse.metrics().number("kubenurse_discovery_up") == 1,
            f"{name}: it recovers", LONG_S)
    equal(nurse.metrics().total('kubenurse_errors_total.*"path_.*'), 0,
          f"{name}: and no check has failed")
    nurse.halt()


def try_many():
    nurse = Nurse("many")
    nurse.api.items["pods"].update(pods(2 * NEIGHBOURS_MAX))
    nurse.api.cut(GONE)
    wait_ok(lambda: nurse.errors("too_many") >= 1, "a list of 40,000", LONG_S)
    like(nurse.log(), "more than 20000 pods are selected: narrow it with "
         "KUBENURSE_NAMESPACE", "the log says how many, and what to do")
    equal(len(nurse.results()["neighbourhood"]), 2, "the old ones stay")
    equal(nurse.checked(), {"node-1", "node-2"}, "and are checked")
    for name in pods(2 * NEIGHBOURS_MAX):
        if len(nurse.api.items["pods"]) > NEIGHBOURS_MAX:
            del nurse.api.items["pods"][name]
    wait_ok(lambda: len(nurse.results()["neighbourhood"]) ==
            NEIGHBOURS_MAX - 1, "20,000 are no trouble", LONG_S)
    for i in range(100):
        nurse.api.pod(f"more-{i}", f"more-{i}", "10.8.9.9")
    wait_ok(lambda: nurse.errors("too_many") >= 2, "100 more by a watch are",
            LONG_S)
    equal(len(nurse.results()["neighbourhood"]), NEIGHBOURS_MAX - 1,
          "the 20,000 stay")
    if not nurse.said("built with sanitizers"):
        mib = pss_mib(nurse.pid)
        print(f"# {mib:.1f} MiB")
        ok(mib <= PSS_MAX_MIB, f"{PSS_MAX_MIB} MiB at most", mib)
    # another 20,000 at once: all leave, and as many come
    nurse.api.items["pods"] = {
        f"q{name}": [f"q{name}"] + row[1:]
        for name, row in pods(NEIGHBOURS_MAX).items()}
    nurse.api.cut(GONE)
    wait_ok(lambda: all(one["PodName"].startswith("q") for one in
                        nurse.results()["neighbourhood"]),
            "other 20,000 take their place", LONG_S)
    equal(nurse.restarts(), 0, "discovery is not killed for any of it")
    nurse.halt()


def try_changes():
    """60,000 changes of a thousand pods, as fast as they can be sent."""
    nurse = Nurse("changes")

    def event(i):
        name = f"p-{i % 1000}"
        return json.dumps({"type": "MODIFIED", "object": table(i, [
            [name, "1/1", "Running", f"10.8.{i >> 8 & 255}.{i & 255}",
             f"n-{name}"]])}).encode() + b"\n"

    last = 60000
    for begin in range(200, last, 1000):
        for watch in nurse.api.watches["pods"]:
            watch.put(b"".join(map(event, range(begin, begin + 1000))))
    wanted = f"10.8.{(last + 199) >> 8 & 255}.{(last + 199) & 255}"
    wait_ok(lambda: any(one["PodIP"] == wanted for one in
                        nurse.results()["neighbourhood"]),
            "60,000 changes: the last one arrives", LONG_S)
    equal(nurse.restarts(), 0, "and discovery is not killed as a flood")
    nurse.halt()


def try_cordons():
    """Every node there can be is cordoned at once, then none."""
    nurse = Nurse("cordons")
    rows = pods(NEIGHBOURS_MAX - 3)
    nurse.api.items["pods"].update(rows)
    nurse.api.cut(GONE)
    wait_ok(lambda: len(nurse.results()["neighbourhood"]) ==
            NEIGHBOURS_MAX - 1, "20,000 neighbours", LONG_S)
    names = [row[4] for row in rows.values()]
    for wanted in ({name: [name] for name in names}, {}):
        nurse.api.items["nodes"] = wanted
        wait(lambda: nurse.api.watches["nodes"])
        for watch in nurse.api.watches["nodes"]:
            watch.put(GONE)
            watch.put(None)
        nurse.api.watches["nodes"].clear()
        count = 2 if wanted else NEIGHBOURS_MAX - 1
        wait_ok(lambda: len(nurse.results()["neighbourhood"]) == count,
                f"{len(wanted)} cordons: {count} neighbours", LONG_S)
    equal(nurse.restarts(), 0, "and discovery is not killed as silent")
    nurse.halt()


tries = [threading.Thread(target=one, args=args) for one, *args in (
    (try_act, "packed", endless(b'{"kind":"Table","x":[0,', b"0,", True),
     "longer than 512 MiB"),
    (try_act, "string", endless(b'{"kind":"', b"x"),
     "a value that is too long"),
    (try_act, "packed-string", endless(b'{"kind":"', b"x", True),
     "a value that is too long"),
    (try_act, "number", endless(b'{"kind":[1', b"1"),
     "a value that is too long"),
    (try_act, "blanks", endless(b'{"kind":', b" "),
     "a value that is too long"),
    (try_act, "deep", endless(b'{"a":', b'{"a":'), "nested too deep"),
    (try_many,), (try_changes,), (try_cordons,))]
for one in tries:
    one.start()
for one in tries:
    one.join()
done()
