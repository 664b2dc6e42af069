# SPDX-License-Identifier: Apache-2.0
"""What the contract promises and no other test of the whole program looks at:
where settings come from, the bytes of /alive and of the buckets, what the API
server is asked for, and what checks do to each other.  tests/contract says
which line of it proves what.
"""
import ctypes
import errno
import hashlib
import os
import re
import ssl
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")

# Another program's turn: executes it where there is no IPv6.
if sys.argv[1:2] == ["--without-ipv6"]:
    class Compare(ctypes.Structure):
        _fields_ = [("arg", ctypes.c_uint), ("op", ctypes.c_int),
                    ("a", ctypes.c_uint64), ("b", ctypes.c_uint64)]
    seccomp = ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    seccomp.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint,
        ctypes.POINTER(Compare)]
    context = ctypes.c_void_p(seccomp.seccomp_init(0x7fff0000))  # ALLOW
    assert seccomp.seccomp_rule_add_array(
        context, 0x00050000 | errno.EAFNOSUPPORT,
        seccomp.seccomp_syscall_resolve_name(b"socket"), 1,
        Compare(0, 4, 10, 0)) == 0  # equal to AF_INET6
    assert seccomp.seccomp_load(context) == 0
    os.execv(sys.argv[2], sys.argv[2:])

import urllib.parse  # noqa: E402

from lab import *  # noqa: E402,F403

enter()
need("openssl")
NO_BODY = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
web = Scripted(says(NO_BODY))
beyond = Scripted(says(NO_BODY))
replace("/etc/hosts", "127.0.0.1 localhost xn--bcher-kva.test\n")
HEAD = """[kubenurse]
listen = 127.0.0.1:{port}
check_interval = 100ms
shutdown_duration = 60s
neighbour_source = static
"""


def printed(*words, **env):
    """What results, as --print-config has it."""
    return dict(line.split(" = ", 1) for line in subprocess.run(
        [f"{BUILD}/kubenurse", *words, "--print-config"], capture_output=True,
        text=True, check=True, env={"PATH": os.environ["PATH"], **env}
    ).stdout.splitlines() if " = " in line)


# ------------------------------------------------- where a setting comes from

equal((printed()["check_interval"], printed()["neighbour_limit"]),
      ("5s", "10"), "N 1.8 without anything: the default")
os.makedirs("/etc/kubenurse", exist_ok=True)
replace("/etc/kubenurse/kubenurse.ini",
        "[kubenurse]\ncheck_interval = 6s\nneighbour_limit = 6\n")
equal(printed()["check_interval"], "6s", "N 1.1 the file in /etc is read")
ENV = {"KUBENURSE_CHECK_INTERVAL": "7s"}
equal((printed(**ENV)["check_interval"], printed(**ENV)["neighbour_limit"]),
      ("7s", "6"), "N 1.8 the environment goes before the file")
replace(f"{WORK}/other.ini", "[kubenurse]\nneighbour_limit = 8\n")
named = printed("--config", f"{WORK}/other.ini", **ENV)
equal((named["check_interval"], named["neighbour_limit"]), ("7s", "8"),
      "N 1.1 --config takes the place of the file in /etc")
os.unlink("/etc/kubenurse/kubenurse.ini")

# --------------------------------------------------------- the bytes of /alive

doctor = Doctor(HEAD + f"""node_name = here
pod_name = pod-of-here
service_url = http://127.0.0.1:{web.port}/
neighbour_port = {web.port}
[check bad]
url = http://127.0.0.1:1/
[check named]
url = http://Bücher.test:{beyond.port}/
[neighbours]
neighbour = node-a 127.0.0.1
neighbour = node-b 127.0.0.3
""", name="alive")
doctor.wait_checks(["me_service", "bad", "path", "named"], 2)
wait(lambda: doctor.status("/alive") == 200)
with socket.create_connection(("127.0.0.1", doctor.port)) as client:
    mine = client.getsockname()[1]
    client.sendall(b"GET /alive?a=<b>&c HTTP/1.0\r\nHost: me.test\r\n"
                   b"x-a-b1c: one \r\nX-A-B1C: two, three\r\n"
                   b"COOKIE: secret\r\nauthorization: Bearer secret\r\n"
                   b"User-Agent: probe/1 \"q\"\t\\ \xc3\xa9\xff</b>\r\n"
                   b"Accept: */*\r\n\r\n")
    answer = b""
    while piece := client.recv(65536):
        answer += piece
host = socket.gethostname()


def neighbour(name, address):
    digest = hashlib.sha256(name.encode()).digest()
    return f"""   {{
    "PodName": "{name}",
    "PodIP": "{address}",
    "HostIP": "",
    "NodeName": "{name}",
    "NodeHash": {int.from_bytes(digest[:8], "big")}
   }}"""


wanted = f"""{{
 "hostname": "{host}",
 "headers": {{
  "Accept": [
   "*/*"
  ],
  "Authorization": [
   "redacted"
  ],
  "Cookie": [
   "redacted"
  ],
  "User-Agent": [
   "probe/1 \\"q\\"\\t\\\\ é\\ufffd\\u003c/b\\u003e"
  ],
  "X-A-B1c": [
   "one",
   "two, three"
  ]
 }},
 "user_agent": "probe/1 \\"q\\"\\t\\\\ é\\ufffd\\u003c/b\\u003e",
 "request_uri": "/alive?a=\\u003cb\\u003e\\u0026c",
 "remote_addr": "127.0.0.1:{mine}",
 "last_check_result": {{
  "api_server_direct": "skipped",
  "api_server_dns": "skipped",
  "bad": "connect 127.0.0.1:1: Connection refused",
  "me_ingress": "skipped",
  "me_service": "ok",
  "named": "ok",
  "neighbourhood": [
{{NEIGHBOURS}}
  ],
  "neighbourhood_state": "ok",
  "path_node-a": "ok",
  "path_node-b": "connect 127.0.0.3:{web.port}: Connection refused"
 }}
}}
"""
told = answer.partition(b"\r\n\r\n")[2].decode()
told, ended = re.subn(r',\n "last_check_ended": \{[^}]*\}', "", told)
equal(ended, 1, "when the checks ended stands behind what 1.x has")
one_way = told.index('"node-a"') < told.index('"node-b"')  # either is right
equal(told, wanted.replace("{NEIGHBOURS}", ",\n".join(sorted(
    (neighbour("node-a", "127.0.0.1"), neighbour("node-b", "127.0.0.3")),
    reverse=not one_way))), "K 2.9, K 2.11, K 2.12, K 2.13 /alive, byte for byte")
VERSION = subprocess.run([f"{BUILD}/kubenurse", "--version"], text=True,
                         capture_output=True).stdout.split()[-1]
with_origin, without = (next(
    request for request in web.requests if ("Origin" in request) == origin)
    for origin in (True, False))
equal(with_origin, f"""GET /alwayshappy HTTP/1.1\r
Host: 127.0.0.1:{web.port}\r
User-Agent: kubenurse/{VERSION}\r
Kubenurse-Neighbour-Origin: pod-of-here\r
Connection: close\r
\r
""", "K 3.1, K 3.4, K 3.21 what a neighbour is asked, byte for byte")
equal(without, with_origin.replace(
    "Kubenurse-Neighbour-Origin: pod-of-here\r\n", ""),
      "K 3.3 and all others, without the origin")
like(beyond.requests[0], f"\r\nHost: xn--bcher-kva.test:{beyond.port}\r\n",
     "K 3.23 a name beyond ASCII: by its xn-- form")

# ------------------------------------------- the program's own sight, and time

scrape = doctor.wait_metric(
    r'kubenurse_worker_resident_memory_bytes\{worker="extra"\}')
equal(scrape[f'kubenurse_build_info{{version="{VERSION}"}}'], "1",
      "N 4.34 kubenurse_build_info")
for name in ("me_service", "path_node-a"):
    last = scrape.number("kubenurse_check_last_success_timestamp_seconds"
                         f'{{type="{name}"}}')
    ok(abs(float(last) - time.time()) < 60, f"N 4.27 {name}: its last success", last)
ok(not scrape.select(".*last_success.*bad.*"), "N 4.27 none of what never succeeded")
for name, ere in (
        ("a round trip of each connection",
         r'kubenurse_tcp_rtt_seconds_count\{type="me_service"\}'),
        ("how late it was",
         r"kubenurse_scheduler_lateness_seconds_count\{.*me_service.*"),
        ("the workers' memory",
         r"kubenurse_worker_resident_memory_bytes\{.*extra.*"),
        ("its resident memory", "process_resident_memory_bytes"),
        ("its virtual memory", "process_virtual_memory_bytes"),
        ("its descriptors", "process_open_fds"),
        ("their limit", "process_max_fds"),
        ("its start", "process_start_time_seconds")):
    ok(scrape.total(ere) > 0, f"N 4.24, N 4.30, N 4.31, N 4.35 metrics: {name}")
for name in ("process_cpu_seconds_total",
             'kubenurse_worker_cpu_seconds_total{worker="extra"}',
             'kubenurse_worker_sandbox_level{worker="extra"}'):
    ok(name in scrape, f"N 4.24, N 4.30, N 4.31, N 4.35 metrics: {name}")
equal((scrape["kubenurse_neighbours{state=\"known\"}"],
       scrape["kubenurse_neighbours{state=\"selected\"}"]), ("2", "2"),
      "N 4.28 metrics: neighbours known and selected")
like(scrape.text, r"\nkubenurse_neighbourhood_incoming_checks \d+\n",
     "K 4.6 a gauge without labels has no braces")
ok("kubenurse_errors_total{type=\"bad\",event=\"connect_done\"}" in scrape and
   not scrape.select('kubenurse_errors_total.*me_service.*'),
   "K 4.9 errors_total is there for what failed alone")
names = [line.rpartition(" ")[0] for line in scrape.text.splitlines()
         if line.startswith("kubenurse_httpclient_requests_total")]
equal(names, sorted(names), "K 4.10 series stand in the order of their bytes")

# The closing quote takes part in the order: a!, then a.
ODD = ["é", "b\\c", "a_", "a9", "a10", "a", "a!", "a b", '"x', "A"]
odd = Doctor(name="odd", port=8080, env={
    "KUBENURSE_CHECK_INTERVAL": "100ms", "KUBENURSE_SHUTDOWN_DURATION": "0s",
    "KUBENURSE_EXTRA_CHECKS": "|".join(
        f"{name}:http://127.0.0.1:{web.port}/" for name in ODD)})


def types_of():
    return re.findall(r'(?m)^kubenurse_httpclient_requests_total\{type="(.*)",'
                      'code="200"', odd.metrics().text)


wait(lambda: len(types_of()) == len(ODD))
equal(types_of(), ["A", r'\"x', "a b", "a!", "a", "a10", "a9", "a_", r"b\\c",
                   "é"], "K 4.10, F 4.11 odd names: escaped, and their order")
odd.halt()
like(scrape.text, r"# HELP kubenurse_errors_total [A-Z].*\n"
     r"# TYPE kubenurse_errors_total counter\n", "N 1.40, F 4.12 HELP has a text")
doctor.halt()

# ------------------------------------------------------------ buckets, as bytes


def ranges(what, label, **env):
    """The values of the label in a histogram, as they stand there."""
    found = Doctor(name=what, port=8080, env={
        "KUBENURSE_SERVICE_URL": f"http://127.0.0.1:{web.port}",
        "KUBENURSE_CHECK_INTERVAL": "50ms",
        "KUBENURSE_SHUTDOWN_DURATION": "0s", **env})
    text = found.wait_checks(["me_service"], 20).text
    found.halt()
    lines = re.findall("(?m)^(kubenurse_httpclient_request_duration_seconds.*)"
                       " ", text)
    equal([line for line in lines if "_bucket" not in line], [
        'kubenurse_httpclient_request_duration_seconds_sum{type="me_service"}',
        'kubenurse_httpclient_request_duration_seconds_count'
        '{type="me_service"}'], f"K 4.15 {what}: _sum and _count come last")
    other = re.findall(r'(?m)^kubenurse_phase_duration_seconds_bucket{type='
                       r'"me_service",phase="wait",le="(.*?)"}', text)
    equal(" ".join(other), "5e-05 0.0001 0.00025 0.0005 0.001 0.0025 0.005 "
          "0.01 0.05 0.25 1 5 +Inf", f"N 4.17 {what}: those of the others are fixed")
    return text, [re.fullmatch(
        'kubenurse_httpclient_request_duration_seconds_bucket{type="me_service'
        f'",{label}="(.*)"}}', line)[1] for line in lines if "_bucket" in line]


equal(ranges("default", "le")[1], "0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 "
      "10 +Inf".split(), "K 4.15 the default buckets")
text, bounds = ranges("custom", "le", KUBENURSE_HISTOGRAM_BUCKETS=" 1e-5, .25 ,"
                      "1,1e6 ,+Inf", KUBENURSE_EXPOSE_METADATA="true")
equal(bounds, ["1e-05", "0.25", "1", "1e+06", "+Inf"], "K 1.36 buckets of one's own")
ok("# TYPE kubenurse_httpclient_request_duration_seconds histogram\n" in text,
   "their kind is histogram")
FINE = "0 1e-10 2e-10 0.1234567891234 123456 1e+10 1e+300".split()
equal(ranges("fine", "le", KUBENURSE_HISTOGRAM_BUCKETS=",".join(FINE))[1],
      FINE + ["+Inf"], "K 1.36 buckets finer than a nanosecond, and endless ones")
text, bounds = ranges("vmrange", "vmrange", KUBENURSE_HISTOGRAM_BUCKETS="1,2",
                      KUBENURSE_VICTORIAMETRICS_HISTOGRAM="true",
                      KUBENURSE_EXPOSE_METADATA="true")
LAWFUL = [f"{10 ** (power / 18):.3e}...{10 ** ((power + 1) / 18):.3e}"
          for power in range(-162, 0)]
ok(bounds and set(bounds) <= set(LAWFUL), "K 1.38, K 4.16 vmrange: of the 18 in a decade",
   bounds)
ok("# TYPE kubenurse_httpclient_request_duration_seconds untyped\n" in text,
   "K 4.16 their kind is untyped")

# ---------------------------------------------------- keys that nobody else has

MUTE = Scripted(silent)
doctor = Doctor(HEAD + f"""neighbour_port = {web.port}
neighbour_detail = true
series_ttl = 1s
log_format = json
log_level = info
[check mute]
url = http://127.0.0.1:{MUTE.port}/
timeout = 5m
[check quick]
url = http://127.0.0.1:{web.port}/
[neighbours]
neighbour = node-a 127.0.0.1
neighbour = node-gone 127.0.0.2
""", name="keys")
scrape = doctor.wait_checks(["quick"], 20)
equal(scrape.checks("mute"), 0, "F 3.16 a slow target delays no other")
ok(wait(lambda: MUTE.requests) and len(MUTE.requests) == 1,
   "F 3.16 and is not asked again meanwhile", len(MUTE.requests))
wait_ok(lambda: doctor.metrics().select(
    'kubenurse_phase_duration_seconds_count{type="path_node-gone",.*'
    .replace("{", r"\{")), "N 4.19 neighbour_detail: each has its histograms")
doctor.reload(open(doctor.ini_path, encoding="ascii").read().replace(
    "neighbour = node-gone 127.0.0.2\n", ""))
wait_ok(lambda: "node-gone" not in doctor.metrics().text,
        "F 4.14 series_ttl: the series of one that has left go")
ok("path_node-a" in doctor.metrics().text, "and nobody else's")
for line in doctor.log().splitlines():
    json.loads(line)
ok(doctor.log().count("\n") > 1, "N 1.14 log_format = json: each line is an object")
doctor.halt()
doctor = Doctor(HEAD + "log_level = error\nuser = nobody\n"
                f"[check bad]\nurl = http://127.0.0.1:1/\n", name="quiet")
doctor.wait_checks(["bad"])
equal(doctor.log(), "", "N 1.14 log_level = error: nothing else is said")
owners = {int(re.search(r"(?m)^Uid:\t(\d+)", open(
              f"/proc/{pid}/status", encoding="ascii").read())[1])
          for pid in [doctor.pid] + children(doctor.pid)}
equal(owners, {65534}, "N 1.15 user: all of its processes are this user's")
doctor.halt()

# ------------------------------------------------- what the shutdown cuts short

moved = Scripted(says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "
                      b"http://127.0.0.1:%d/here\r\n\r\n" % MUTE.port))
doctor = Doctor(HEAD + f"""[check cut]
url = http://127.0.0.1:{moved.port}/
[check quick]
url = http://127.0.0.1:{web.port}/
""", name="cut")
wait(lambda: any("/here" in request for request in list(MUTE.requests)))
doctor.wait_checks(["quick"], 3)
scrape = doctor.settle()
equal([series for series in scrape if 'type="cut"' in series and
       scrape.number(series)], [], "F 6.4 what is cut short behind a redirect: "
      "neither hop counts")
for name in ("cut", "quick"):
    equal(scrape.total_ns(
        f'kubenurse_phase_duration_seconds_sum{{type="{name}",.*'),
        scrape.total_ns(
            f'kubenurse_check_duration_seconds_sum{{type="{name}",.*'),
        f"{name}: the phases sum to the checks")
doctor.halt()

# with nothing to check the first round is over at once
doctor = Doctor(HEAD, name="idle")
ok(doctor.up() and doctor.status("/alive") == 200,
   "K 2.8, K 6.6 nothing to check: /alive is 200 at once")
doctor.halt()
doctor = Doctor("[kubenurse]\nshutdown_duration = -1s\nneighbour_source = "
                "static\n", name="without-ipv6", port=8080, wrapper=[
                    sys.executable, os.path.abspath(__file__),
                    "--without-ipv6"])
ok(doctor.up(), "N 1.10 without IPv6 the default address is that of IPv4",
   doctor.log())
equal(doctor.stop(), 0, "K 6.2 a shutdown duration below 0: no wait, exit status 0")

# ---------------------------------------------- what the API server is asked for

be_at("10.8.0.0/24")
NODE, POD = "node-own", "pod-own"


def api(connection, request):
    """Pods here, on another node, without an address and on its way out; and
    this node cordoned."""
    url = urllib.parse.urlsplit(request.split()[1].decode())
    kind = {"pods": "Pod", "nodes": "Node"}.get(url.path.rpartition("/")[2])
    if "watch=" in url.query:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: "
                           b"application/json\r\n\r\n")
        return silent(connection)
    items = [{"metadata": {"name": pod, "namespace": "ns-own", **(
                  {"deletionTimestamp": "2026-01-01T00:00:00Z"}
                  if pod == "pod-d" else {})},
              "spec": {"nodeName": node}, "status": {
                  "phase": "Running", "podIP": address, "conditions": [
                      {"type": "Ready", "status": "True"}]}}
             for pod, node, address in (
                 (POD, NODE, "10.8.0.1"), ("pod-b", "node-b", "10.8.0.2"),
                 ("pod-c", "node-c", ""), ("pod-d", "node-d", "10.8.0.4"))
             ] if kind == "Pod" else [{"metadata": {"name": NODE},
                                       "spec": {"unschedulable": True}}]
    body = json.dumps({"kind": f"{kind}List", "apiVersion": "v1", "metadata": {
        "resourceVersion": "7"}, "items": items}).encode() if kind else b"{}"
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       b"Content-Length: %d\r\n\r\n" % len(body) + body)


authority, stranger = Authority("authority"), Authority("stranger")
servers = []
for one in (authority, stranger):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*one.issue(f"api-of-{one.name}", "IP:127.0.0.1"))
    servers.append(Scripted(api, context=context))
known, unknown = servers
neighbours = Scripted(says(NO_BODY), host="0.0.0.0")
os.makedirs(ACCOUNT)
replace(f"{ACCOUNT}/token", "the-token")
shutil.copy(authority.path, f"{ACCOUNT}/ca.crt")


def in_cluster(name, server=known, **env):
    """A doctor that has looked for its neighbours, and their lists."""
    server.requests.clear()
    found = Doctor(name=name, port=8080, env={
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(server.port),
        "KUBENURSE_CHECK_API_SERVER_DNS": "false",
        "KUBENURSE_CHECK_INTERVAL": "100ms",
        "KUBENURSE_SHUTDOWN_DURATION": "0s",
        "KUBENURSE_NEIGHBOUR_PORT": str(neighbours.port),
        "KUBENURSE_NODE_NAME": NODE, "KUBENURSE_POD_NAME": POD, **env})
    found.wait_checks(["api_server_direct"], 3)
    if server is known:
        found.wait_metric('kubenurse_neighbours{state="known"}'
                          .replace("{", r"\{"))
    lists = {path: urllib.parse.parse_qs(query) for path, query in (
        re.match(r"\S+ ([^? ]*)\??(\S*)", request).groups()
        for request in list(server.requests) if "watch=" not in request)}
    return found, lists


PODS, NODES = "/api/v1/namespaces/ns-own/pods", "/api/v1/nodes"
doctor, lists = in_cluster(
    "filter", KUBENURSE_NAMESPACE="ns-own",
    KUBENURSE_NEIGHBOUR_FILTER="app in (a, b),!c, d=e",
    KUBENURSE_INSECURE="true")
equal(lists[PODS].get("labelSelector"), ["app in (a, b),!c, d=e"],
      "K 1.29, F 1.30 the selector goes to the API server as it is")
equal(lists[PODS].get("fieldSelector"), ["status.phase=Running"],
      "K 5.1 it is asked for Running pods alone")
wait_ok(lambda: NODES in "".join(known.requests), "and for cordoned nodes")
ok("spec.unschedulable%3Dtrue" in "".join(known.requests) or
   "spec.unschedulable=true" in "".join(known.requests), "for those alone")
wait_ok(lambda: doctor.status("/ready") == 503,
        "K 2.6 the own node is cordoned: /ready is 503")
wait_ok(lambda: doctor.results().get("path_node-b") == "ok",
        "N 1.12 the neighbour is checked")
ok("path_node-own" not in doctor.results(), "F 1.47 oneself is not")
equal(doctor.results()["neighbourhood"], [{
    "PodName": "pod-b", "PodIP": "10.8.0.2", "HostIP": "",
    "NodeName": "node-b", "NodeHash": int.from_bytes(
        hashlib.sha256(b"node-b").digest()[:8], "big")}],
    "K 2.11, K 5.1 /alive: who the neighbour is")
doctor.halt()
doctor, lists = in_cluster("all", KUBENURSE_ALLOW_UNSCHEDULABLE="true")
ok("/api/v1/pods" in lists and "labelSelector" not in lists["/api/v1/pods"],
   "K 1.29 without a namespace and a selector: every pod", lists)
wait(lambda: doctor.results().get("path_node-b") == "ok")
ok(NODES not in "".join(known.requests), "unschedulable nodes are allowed: "
   "K 1.33 nobody looks at nodes", known.requests)
equal(doctor.status("/ready"), 200, "N 2.7 nor does /ready")
doctor.halt()
doctor, _ = in_cluster("uncordoned", KUBENURSE_READY_FOLLOWS_CORDON="false")
wait(lambda: any(NODES in request and "watch=" in request
                 for request in list(known.requests)) and
     doctor.results().get("path_node-b") == "ok")
equal(doctor.status("/ready"), 200, "N 2.7 ready_follows_cordon = false: 200")
doctor.halt()
doctor, _ = in_cluster("verified", unknown, KUBENURSE_INSECURE="true")
like(doctor.results()["api_server_direct"], "^tls: ",
     "N 1.25 insecure: the API server is verified all the same")
equal(unknown.requests, [], "and is not sent the token")
doctor.halt()
doctor, _ = in_cluster("unverified", unknown, KUBENURSE_INSECURE="true",
                       KUBENURSE_API_SERVER_INSECURE="true")
equal(doctor.results()["api_server_direct"], "ok",
      "N 1.25 but where api_server_insecure says otherwise")
doctor.halt()
done()
