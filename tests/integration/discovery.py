# SPDX-License-Identifier: Apache-2.0
"""Discovery of neighbours, whatever the API server does: each reason of
kubenurse_discovery_errors_total, and after each the neighbours that were known
are checked, so is all else, and nothing of it is an error of theirs.  Where the
server is, by IPv4, IPv6 and name; who oneself is.  Four doctors at a time, for
the waits between.
"""
import os
import ssl
import sys
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
from api_server import *  # noqa: E402,F403

enter()
need("openssl")
replace("/etc/hosts", "127.0.0.1 localhost api.test\n")
replace("/etc/nsswitch.conf", "hosts: files\n")
authority, other = Authority("authority"), Authority("other")
NAMES = "IP:127.0.0.1,IP:::1,DNS:api.test"


def context_of(issuer, name):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*issuer.issue(name, NAMES))
    return context


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read()


context, strange = context_of(authority, "api"), context_of(other, "strange")
os.makedirs(ACCOUNT)
os.chmod("/var/run/secrets", 0o755)
replace(f"{ACCOUNT}/token", "token")
replace(f"{ACCOUNT}/ca.crt", read(authority.path))
be_at("10.8.0.0/16")
BACK_S = 90  # who has failed some times waits for a minute
HELD = "10.8.1.9"  # who answers there takes its time, and then resets
held, release = threading.Semaphore(0), threading.Event()


def answer(connection, _):
    if connection.getsockname()[0] == HELD:
        held.release()
        release.wait()
        reset(connection)
    else:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                           b"Connection: close\r\n\r\n")


neighbour = Scripted(answer, host="0.0.0.0")


class Nurse(Doctor):
    """A doctor, an API server of its own and what is in it: itself and two
    neighbours."""

    def __init__(self, name, api, host, more="", **rest):
        self.api = api
        for i in range(3):
            api.pod(f"kubenurse-{i}", f"node-{i}", f"10.8.1.{i}")
        super().__init__(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 0s
neighbour_port = {neighbour.port}
namespace = ns
service_url = http://127.0.0.1:{neighbour.port}
check_api_server_direct = false
check_api_server_dns = false
{more}""", name=name, env={"KUBERNETES_SERVICE_HOST": host,
                           "KUBERNETES_SERVICE_PORT": str(api.port)}, **rest)

    def paths(self):
        return {key[len("path_"):]: value
                for key, value in self.results().items()
                if key.startswith("path_")}

    def state(self):
        return self.results()["neighbourhood_state"]

    def errors(self, reason):
        return self.metrics().number(
            f'kubenurse_discovery_errors_total{{reason="{reason}"}}')

    def up(self):
        return self.metrics().get("kubenurse_discovery_up") == "1"

    def checks(self):
        """All of them, so far."""
        scrape = self.metrics()
        return scrape.checks("path"), scrape.checks("me_service")


OWN = "pod_name = kubenurse-0\nnode_name = node-0\n"
nurses = [
    Nurse("ipv4", ApiServer(context), "127.0.0.1", OWN),
    Nurse("ipv6", ApiServer(context, "::1"), "::1", OWN),
    Nurse("name", ApiServer(context), "api.test", OWN +
          "neighbour_filter = app in (kubenurse), !canary\n"),
    Nurse("no_nodes", ApiServer(context), "127.0.0.1", OWN),
]
no_nodes = nurses[3]
no_nodes.api.acts["nodes"] = refuses("403 Forbidden")
BOTH = {"node-1": "ok", "node-2": "ok"}
for nurse in nurses:
    wait_ok(lambda: nurse.paths() == BOTH and nurse.up(),
            f"{nurse.name}: the neighbours are found, but for the own pod")
    equal(nurse.state(), "ok", f"{nurse.name}: the state is ok")
like("".join(nurses[2].api.server.requests),
     r"labelSelector=app%20in%20%28kubenurse%29%2C%20%21canary",
     "the selector goes to the server as it is")
received = nurses[0].metrics().number("kubenurse_discovery_received_bytes_total")
ok(received > 0, "received bytes are counted")
wait_ok(lambda: no_nodes.errors("forbidden") >= 2,
        "nodes are forbidden: an error, again and again")
equal(len(re.findall("cordons of nodes cannot be seen", no_nodes.log())), 1,
      "which is said once")
ok(no_nodes.up() and no_nodes.paths() == BOTH,
   "and the neighbours are used without")


def success(nurse):
    return nurse.metrics().number(
        "kubenurse_discovery_last_success_timestamp_seconds")

# ------------------------------------------------------------------- each error


class Resets:
    """In the place of a context: no handshake comes to its end."""

    def wrap_socket(self, connection, server_side):
        connection.recv(1)
        reset(connection)
        raise ConnectionError("reset")


def reset_tls(nurse):
    nurse.api.server.context = Resets()


def restore(nurse):
    nurse.api.acts.pop("pods", None)
    nurse.api.server.context = context
    if nurse.api.server.listener.fileno() < 0:
        nurse.api.open(nurse.api.port)


def answers(act):
    def apply(nurse):
        nurse.api.acts["pods"] = act
    return apply


def hurls(text):
    """Into the watch; the list after it is good."""
    def apply(nurse):
        nurse.api.cut(text)
    return apply


def event(row):
    return json.dumps({"type": "ADDED", "object": table(
        10 ** 6, [row])}).encode() + b"\n"


def watched():
    """What ends sooner makes the doctor wait longer."""
    return all(nurse.api.watched_s() > 1 for nurse in nurses)


# In each round one thing for each doctor: reason, what the state says.
ROUNDS = (
    (("connect", "Connection refused", lambda nurse: nurse.api.close()),
     ("forbidden", "403 Forbidden: the server's reason",
      answers(refuses("403 Forbidden"))),
     ("bad_selector", "400 Bad Request: the server's reason",
      answers(refuses("400 Bad Request"))),
     ("gone", None, answers(refuses("410 Gone")))),
    (("unauthorized", "401 Unauthorized",
      answers(refuses("401 Unauthorized"))),
     ("tls", "tls: Connection reset by peer", reset_tls),
     ("server", "500 Oh: " + 20 * "long ",
      answers(refuses("500 Oh", message=1000 * "long "))),
     ("throttled", "429 Too Many",
      answers(refuses("429 Too Many Requests", "Retry-After: 1\r\n")))),
    (("malformed", None, hurls(b'{"type": "' + b"x" * 2 ** 21)),
     ("malformed", None, hurls(b'{"type":' * 1000)),
     ("malformed", None, hurls(b'{"type": 1, "object": []}\n')),
     ("malformed", None, hurls(event(["kubenurse-3", "1/1"])))),
    (("connect", "no answer", answers(lambda connection: None)),
     ("malformed", "malformed", answers(
         lambda connection: connection.sendall(b"SSH-2.0-x\r\n\r\n"))),
     ("server", "503", answers(lambda connection: connection.sendall(
         b"HTTP/1.1 503 x\r\nContent-Length: 6\r\n\r\n<html>"))),
     ("gone", None, hurls(b'{"type":"ERROR","object":{"kind":"Status",'
                          b'"code":410,"message":"too old"}}\n'))),
)

for cases in ROUNDS:
    wait_ok(watched, "all have watched for more than a second", BACK_S)
    before = [(nurse.errors(case[0]), nurse.checks(), success(nurse))
              for nurse, case in zip(nurses, cases)]
    for nurse, (reason, text, apply) in zip(nurses, cases):
        apply(nurse)
        if nurse.api.acts.get("pods") or text:
            nurse.api.cut()
    for nurse, (reason, text, apply), (errors, checks, when) in zip(
            nurses, cases, before):
        what = f"{nurse.name}: {reason}"
        wait_ok(lambda: nurse.errors(reason) > errors, f"{what}: is counted")
        if text:
            wait_ok(lambda: text in nurse.state() and not nurse.up() and
                    nurse.state().count("tls:") < 2,
                    f"{what}: /alive says {text[:30]}, and it is not up")
            like(nurse.log(), f"reason={reason} ", f"{what}: the log says so")
        wait_ok(lambda: all(now > then + 4 for now, then in
                            zip(nurse.checks(), checks)),
                f"{what}: all checks go on")
        equal(nurse.paths(), BOTH, f"{what}: of the same neighbours")
        restore(nurse)
    for nurse, (reason, text, apply), (errors, checks, when) in zip(
            nurses, cases, before):
        wait_ok(lambda: nurse.up() and nurse.state() == "ok" and
                success(nurse) > when and nurse.api.watched_s(),
                f"{nurse.name}: and {reason} is over", BACK_S)

# ------------------------------------------------- bad lists, and a new CA file

BAD_LISTS = (
    ("a name twice", json.dumps(table(10 ** 6, 2 * [
        ["kubenurse-1", "1/1", "Running", "10.8.1.1", "node-1"]]))),
    ("a column is missing", json.dumps(table(10 ** 6, [["kubenurse-1"]],
                                             COLUMNS[:1]))),
    ("another type", json.dumps(table(10 ** 6, [[1, 2, 3, 4, 5]]))),
)
wait_ok(watched, "and again", BACK_S)
for nurse, (text, body) in zip(nurses, BAD_LISTS):
    nurse.api.acts["pods"] = lists(body.encode())
    nurse.api.cut(b"nonsense\n")
no_nodes.api.server.context = strange
no_nodes.api.cut()
for nurse, (text, body) in zip(nurses, BAD_LISTS):
    wait_ok(lambda: text in nurse.state() or nurse.said(f"malformed.*{text}"),
            f"{nurse.name}: a list with {text}: malformed")
    equal(nurse.paths(), BOTH, f"{nurse.name}: the neighbours stay")
    restore(nurse)
wait_ok(lambda: no_nodes.state() == "tls: certificate is signed by an unknown "
        "authority: CN=other", "a certificate of another authority")
replace(f"{ACCOUNT}/ca.crt", read(authority.path) + read(other.path))
wait_ok(lambda: no_nodes.up(), "until the CA file is another one: that is read")
for nurse in nurses:
    wait_ok(lambda: nurse.up() and nurse.paths() == BOTH,
            f"{nurse.name}: all is well", BACK_S)

# ---------------------------------------------------------- rights that come back

no_nodes.api.change("nodes", "node-1", ["node-1"])
no_nodes.api.acts.clear()
wait_ok(lambda: no_nodes.paths() == {"node-2": "ok"},
        "the right to see nodes is given back: one of them is cordoned", BACK_S)

# ----------------------------------------------------- one that leaves, under way

nurse = nurses[0]
nurse.api.pod("kubenurse-9", "node-9", HELD)
ok(held.acquire(timeout=DEADLINE_S), "a check of one that has come is under way")
nurse.api.pod("kubenurse-9", "node-9", HELD, status="Terminating")
wait_ok(lambda: nurse.paths() == BOTH, "its pod terminates: it is not checked")
release.set()
checks = nurse.checks()
wait_ok(lambda: nurse.checks()[0] > checks[0] + 10, "then the connection breaks")
equal(nurse.metrics().select('kubenurse_.*"path_node-9".*'), {},
      "which counts nowhere")
equal(nurse.metrics().select("kubenurse_samples_lost_total.*") and
      nurse.metrics().total("kubenurse_samples_lost_total.*"), 0,
      "nor was anything lost")

# ------------------------------------------------------------- refused addresses

ELSEWHERE = ("0.0.0.0", "127.0.0.1", "127.8.8.8", "169.254.169.254", "224.0.0.1",
             "255.255.255.255", "::", "::1", "fe80::1", "ff02::1",
             "::ffff:127.0.0.1")
for i, address in enumerate(ELSEWHERE):
    nurse.api.pod(f"refused-{i}", f"refused-{i}", address)
wait_ok(lambda: nurse.metrics().number('kubenurse_neighbours{state="refused"}')
        == len(ELSEWHERE), "N 5.8 addresses of no other machine are refused")
checks = nurse.checks()
wait_ok(lambda: nurse.checks()[0] > checks[0] + 10, "the others are checked")
equal(nurse.paths(), BOTH, "and they alone")
equal([one["PodIP"] for one in nurse.results()["neighbourhood"]
       if one["PodIP"] in ELSEWHERE], [], "/alive does not name the refused")
equal(len(re.findall("neighbours are refused", nurse.log())), 1, "it is said once")
for i in range(len(ELSEWHERE)):
    nurse.api.change("pods", f"refused-{i}")
wait_ok(lambda: nurse.metrics().number('kubenurse_neighbours{state="refused"}')
        == 0, "those who leave are no longer counted")

# ---------------------------------------------------------------------- oneself


def named(host):
    return ("unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', host)


api = ApiServer(context)
for host, words, found in (
        ("kubenurse-0", "its pod's name is the host's", True),
        ("node-0", "its node's name is", True),
        ("nobody", "neither is", False)):
    nurse = Nurse(host, api, "127.0.0.1", wrapper=named(host))
    wanted = BOTH if found else {**BOTH, "node-0": "ok"}
    wait_ok(lambda: nurse.paths() == wanted, f"{words}: the neighbours")
    said = "neither the own pod nor the own node is among"
    if not found:
        wait(lambda: nurse.said(said))
        for _ in range(2):
            wait(api.watched_s)
            lists_before = api.lists
            api.cut(b"nonsense\n")
            wait_ok(lambda: api.lists > lists_before and nurse.up(),
                    f"{words}: it lists anew")
    equal(len(re.findall(said, nurse.log())), 0 if found else 1,
          f"{words}: which is said {'never' if found else 'once'}")
    nurse.halt()

# Addresses of this host, which others may share.
for i in range(3):
    subprocess.run(("ip", "addr", "add", f"10.7.1.{i}/32", "dev", "lo"),
                   check=True)
api = ApiServer(context)
nurse = Nurse("namesake", api, "127.0.0.1", "pod_name = late\n")
api.pod("kubenurse-1", "node-1", "10.7.1.1")
wait_ok(lambda: nurse.paths() == {"node-0": "ok", "node-2": "ok"},
        "nobody has the own name: who has the own address is oneself")
api.pod("late", "node-9", "10.7.1.0")
wait_ok(lambda: nurse.paths() == {**BOTH, "node-0": "ok"},
        "somebody comes who has the own name: addresses say nothing more")
api.pod("kubenurse-2", "node-2", "10.7.1.2")
wait_ok(lambda: nurse.paths() == {**BOTH, "node-0": "ok"} and any(
    one["PodIP"] == "10.7.1.2" for one in nurse.results()["neighbourhood"]),
        "nor of those that change")
nurse.halt()

for nurse in nurses:
    final = nurse.metrics()
    equal(final.select("kubenurse_errors_total.*"), {},
          f"{nurse.name}: no check has failed")
    equal(final.total(r"kubenurse_worker_restarts_total.*"), 0,
          f"{nurse.name}: no worker died")
    nurse.halt()
done()
