#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""cluster.py BENCH_DIR: what finding the neighbours costs, by a real
kube-apiserver (tests/e2e/cluster.py starts it).  Prints a NAME NUMBER a line;
run.sh makes rows of them.  A namespace for each size: what happens in one is
nothing to the doctors of the others.  Pods are written straight to etcd, for
the API server takes a minute for as many."""
import base64
import json
import os
import socket
import statistics
import sys
import time

sys.dont_write_bytecode = True
SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests", "e2e"))
import cluster as c  # noqa: E402

SIZES = (10, 500, 1000, 5000, 10000)
IDLE_SIZE = 1000
IDLE_S = 60
EVENTS = 20
STARTS = 5
TXN_MAX = 128  # etcd's --max-txn-ops
BYTES = "kubenurse_discovery_received_bytes_total"
bin_dir = os.path.abspath(sys.argv[1])


def say(name, number):
    print(f"{name} {number:.1f}", flush=True)


def stored_pod(namespace, i, ready=True):
    """As the API server keeps one, of usual size."""
    condition = {"type": "Ready", "status": str(ready),
                 "lastTransitionTime": "2026-01-01T00:00:00Z"}
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": c.pod(i), "namespace": namespace,
                     "uid": f"{namespace}-{i}", "labels": {"app.kubernetes.io/name": "kubenurse"},
                     "creationTimestamp": "2026-01-01T00:00:00Z"},
        "spec": {"nodeName": c.node(i), "restartPolicy": "Always", "dnsPolicy": "ClusterFirst",
                 "terminationGracePeriodSeconds": 30, "schedulerName": "default-scheduler",
                 "securityContext": {}, "enableServiceLinks": False,
                 "containers": [{"name": "kubenurse", "image": "kubenurse",
                                 "imagePullPolicy": "IfNotPresent", "resources": {},
                                 "terminationMessagePath": "/dev/termination-log",
                                 "terminationMessagePolicy": "File",
                                 "env": [{"name": f"KUBENURSE_{n}", "value": "true"}
                                         for n in range(12)]}]},
        "status": {"phase": "Running", "podIP": c.ip(i), "podIPs": [{"ip": c.ip(i)}],
                   "hostIP": "10.1.0.1", "conditions": [condition], "qosClass": "BestEffort",
                   "startTime": "2026-01-01T00:00:00Z",
                   "containerStatuses": [{
                       "name": "kubenurse", "ready": ready, "restartCount": 0,
                       "image": "kubenurse", "imageID": "", "started": True,
                       "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]}}


def write(objects):
    """(key, object) each, in as few transactions as etcd allows."""
    puts = [{"requestPut": {
        "key": base64.b64encode(key.encode()).decode(),
        "value": base64.b64encode(json.dumps(value).encode()).decode()}}
        for key, value in objects]
    for at in range(0, len(puts), TXN_MAX):
        k.etcd("kv/txn", {"success": puts[at:at + TXN_MAX]})


def name_of(size):
    return f"n{size}"


def populate():
    for size in SIZES:
        k.api("POST", "/api/v1/namespaces", {"metadata": {"name": name_of(size)}})
        write((f"/registry/pods/{name_of(size)}/{c.pod(i)}", stored_pod(name_of(size), i))
              for i in range(size))


def pss_kib(pid):
    """Of the process and its children."""
    total = 0
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        pids = [pid] + [int(word) for word in file.read().split()]
    for p in pids:
        with open(f"/proc/{p}/smaps_rollup", encoding="ascii") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("Pss:"))
    return total


def until(what, condition, seconds=30):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if condition():
                return
        except (OSError, KeyError, TypeError, ValueError):
            pass
        time.sleep(0.05)
    raise SystemExit(f"{what}: not within {seconds} s\n" + k.log("doctor")[-2000:])


def start(size, name="doctor", port=8081, **variables):
    """Every check and TLS in use; the neighbours are the doctor's own listener
    by other addresses.  Returns when they are known."""
    doctor = k.start_doctor(name, port, **{
        "KUBENURSE_NAMESPACE": name_of(size), "KUBENURSE_NEIGHBOUR_PORT": str(port),
        "KUBENURSE_CHECK_INTERVAL": "1s", "KUBENURSE_CHECK_API_SERVER_DNS": "true",
        "KUBERNETES_SERVICE_DNS": "localhost",
        "KUBENURSE_INGRESS_URL": f"http://127.0.0.1:{http_port}",
        "KUBENURSE_SERVICE_URL": f"https://127.0.0.1:{https_port}",
        "KUBENURSE_EXTRA_CHECKS": f"extra:https://127.0.0.1:{https_port}/",
        "KUBENURSE_LOG_LEVEL": "error", **variables})
    until(f"{size} pods are found", lambda: known(port) == size - 1)
    return doctor


def known(port=8081):
    return c.metric('kubenurse_neighbours{state="known"}', port)


def settled(port=8081):
    """What has been received, once no more comes."""
    last, since = -1, time.monotonic()
    while time.monotonic() - since < 1.5:  # discovery tells it twice a second
        now = c.metric(BYTES, port) or 0
        if now != last:
            last, since = now, time.monotonic()
        time.sleep(0.1)
    return last


def sizes():
    for size in SIZES:
        doctor = start(size)
        time.sleep(1)
        say(f"start_bytes_{size}", settled())
        say(f"pss_kib_{size}", pss_kib(doctor.pid))
        k.end("doctor")


def set_ready(i, ready):
    write([(f"/registry/pods/{name_of(10)}/{c.pod(i)}", stored_pod(name_of(10), i, ready))])


def events():
    start(10)
    before = settled()
    for n in range(EVENTS):
        set_ready(1 + n % 9, n % 18 >= 9)
        time.sleep(0.02)
    say("event_bytes", (settled() - before) / EVENTS)
    k.end("doctor")


def first_checks():
    """From before etcd is told that a pod is ready until that pod sees a
    connection.  Of the others nobody listens at that port."""
    start(10, KUBENURSE_NEIGHBOUR_PORT="8082", KUBENURSE_NEIGHBOUR_LIMIT="0")
    took_ms = []
    for n in range(STARTS):
        i = 100 + n
        with socket.create_server((c.ip(i), 8082)) as listener:
            listener.settimeout(20)
            set_ready(i, False)
            until("a pod that is not ready is known", lambda: known() == 10 + n)
            time.sleep(0.5)
            began = time.monotonic()
            set_ready(i, True)
            listener.accept()[0].close()
            took_ms.append((time.monotonic() - began) * 1000)
    say("first_check_ms", statistics.median(took_ms))
    k.end("doctor")


def start_server():
    k.spawn("bench_server", [f"{bin_dir}/bench_server", "--certificate", f"{k.dir}/s.crt",
                             "--key", f"{k.dir}/s.key"])
    until("the bench server listens", lambda: "https" in k.log("bench_server"))
    ports = dict(line.split() for line in k.log("bench_server").splitlines())
    return int(ports["http"]), int(ports["https"])


def measure():
    sizes()
    start(IDLE_SIZE, "idle", 8090)
    before, since = settled(8090), time.monotonic()
    events()
    first_checks()
    time.sleep(max(0, since + IDLE_S - time.monotonic()))
    minutes = (time.monotonic() - since) / 60
    say("idle_bytes_per_minute", (c.metric(BYTES, 8090) - before) / minutes)


c.isolate()
if "KUBENURSE" in os.environ:
    c.BUILD = os.path.dirname(os.environ["KUBENURSE"])
k = c.Cluster()
try:
    k.make_keys()
    k.start_etcd()
    k.start_server()
    populate()
    k.write_token("admintoken")
    http_port, https_port = start_server()
    measure()
finally:
    k.close()
