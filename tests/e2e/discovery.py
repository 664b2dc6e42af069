#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Discovery against a real API server: five nodes and every way in which a
neighbour or the server can change; then a thousand, and what they cost."""
import os
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster as c
from cluster import is_, ok, within, paths, metric, node, pod, ip

c.isolate("kube-apiserver")
k = c.Cluster()
OUTAGE_S = int(os.environ.get("OUTAGE_S", "60"))
# Back-off is at most a minute, and a request takes its time.
BACK_S = 120


def all_ok(count):
    return len(paths()) == count and set(paths().values()) == {"ok"}


def pss_mib(pid):
    total = 0
    children = open(f"/proc/{pid}/task/{pid}/children").read().split()
    for p in [str(pid)] + children:
        for line in open(f"/proc/{p}/smaps_rollup"):
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


def five_nodes():
    k.start_doctor()
    within("four neighbours are found and well", c.SOON_S, lambda: all_ok(4))
    is_("all of them are known", metric('kubenurse_neighbours{state="known"}'), 4)
    is_("the source is up", metric("kubenurse_discovery_up"), 1)
    is_("the state says so", c.results()["neighbourhood_state"], "ok")
    ok("oneself is not among them", node(0) not in paths())


moves = 0


def caught_up():
    """What came before this change has been read: a watch keeps the order."""
    global moves
    moves += 1
    address = f"10.2.201.{moves}"
    k.set_pod(pod(4), address)
    within("a later change is seen", c.SOON_S, lambda: any(
        n["PodIP"] == address for n in c.results()["neighbourhood"]))


def reconnect():
    """Discovery loses its connections, notices, and may connect again."""
    k.cut()
    within("lost connections are noticed", c.SOON_S, lambda: metric("kubenurse_discovery_up") == 0)
    k.mend()


def changes():
    k.api("DELETE", f"{c.PODS}/{pod(1)}?gracePeriodSeconds=0")
    c.follows("a deleted pod is dropped", lambda: node(1) not in paths())
    k.add_pod("second", node(1), ip(1), ready=False)
    caught_up()
    ok("F 5.2 one that is not ready yet is not checked", node(1) not in paths())
    k.set_pod("second", ip(1))
    c.follows("it is once it is ready", lambda: paths().get(node(1)) == "ok")
    k.set_pod("second", "10.2.200.1")
    c.follows("a pod that moves is followed", lambda: any(
        n["PodIP"] == "10.2.200.1" for n in c.results()["neighbourhood"]) and all_ok(4))
    k.api("DELETE", f"{c.PODS}/second", {"gracePeriodSeconds": 30})
    c.follows("one that terminates is dropped", lambda: node(1) not in paths())
    k.api("DELETE", f"{c.PODS}/second?gracePeriodSeconds=0")
    k.set_pod(pod(2), ip(2), phase="Failed")
    c.follows("one that failed is dropped", lambda: node(2) not in paths())
    k.add_pod("again", node(1), ip(1))
    c.follows("a new one is taken up", lambda: node(1) in paths())
    k.add_pod("surge", node(1), ip(5))
    caught_up()
    is_("F 5.4 two pods of one node count once",
        metric('kubenurse_neighbours{state="selected"}'), 3)
    k.api("DELETE", f"{c.PODS}/again?gracePeriodSeconds=0")
    c.follows("and the other one takes over", lambda: paths().get(node(1)) == "ok")
    k.set_pod("surge", ip(1))
    k.cordon(node(3))
    c.follows("K 5.1 a cordoned node is left out", lambda: node(3) not in paths())
    k.cordon(node(3), False)
    c.follows("and comes back", lambda: node(3) in paths())
    k.cordon(node(0))
    c.follows("K 2.6 the own cordon shows in /ready", lambda: c.status("/ready") == 503)
    k.cordon(node(0), False)
    c.follows("and is over with it", lambda: c.status("/ready") == 200)
    is_("none of this was an error", metric("kubenurse_errors_total"), None)


def checks():
    """Of the neighbours, that were ok; and those of the server, which go on too."""
    return (metric('kubenurse_check_duration_seconds_count{type="path",outcome="ok"}'),
            metric('kubenurse_check_duration_seconds_count{type="api_server_direct",'))


def outage():
    print(f"# the API server is away for {OUTAGE_S} s")
    before = paths().keys()
    k.end("apiserver", 9)
    within("the server is gone: that is seen", c.SOON_S, lambda: metric("kubenurse_discovery_up") == 0)
    start, count = time.monotonic(), checks()
    while time.monotonic() - start < OUTAGE_S:
        if paths().keys() != before:
            break
        time.sleep(0.5)
    is_("no neighbour is lost meanwhile", paths().keys(), before)
    of_path, of_server = (now - then for now, then in zip(checks(), count))
    print(f"# {of_path:.0f} checks of {len(before)} neighbours, {of_server:.0f} of the server")
    # as often as who needs no discovery, by a clock that both share
    ok("F 5.6 no check is missed", 0.95 < of_path / len(before) / of_server < 1.05)
    ok("the state tells the reason", "connect" in c.results()["neighbourhood_state"],
       c.results()["neighbourhood_state"])
    k.start_server()
    k.add_pod("after", node(2), ip(2))
    within("the server is back: that is seen", BACK_S, lambda: metric("kubenurse_discovery_up") == 1)
    within("what came meanwhile is found", c.SOON_S, lambda: paths().get(node(2)) == "ok")


def rights():
    k.allow(nodes=False)
    reconnect()
    within("without the right to see nodes: an error of discovery", BACK_S,
           lambda: metric('kubenurse_discovery_errors_total{reason="forbidden"}') >= 1)
    within("and the neighbours stay", c.SOON_S, lambda: metric("kubenurse_discovery_up") == 1 and all_ok(4))
    k.allow(nodes=False, pods=False)
    reconnect()
    within("without the right to see pods: not up", BACK_S,
           lambda: "forbidden" in c.results()["neighbourhood_state"])
    ok("but the last known ones go on", all_ok(4), paths())
    k.allow()
    within("the right is given back", BACK_S, lambda: metric("kubenurse_discovery_up") == 1)
    k.cordon(node(3))
    within("and that to see nodes", BACK_S, lambda: node(3) not in paths())
    k.cordon(node(3), False)
    c.follows("with all that is in it", lambda: node(3) in paths())


def compaction():
    k.cut()
    for i in range(3):
        k.set_pod(pod(4), ip(4 + i))
    k.api("DELETE", f"{c.PODS}/{pod(3)}?gracePeriodSeconds=0")
    k.end("apiserver")
    revision = k.etcd("kv/range", {"key": "AA=="})["header"]["revision"]
    k.etcd("kv/compaction", {"revision": revision, "physical": True})
    k.start_server()
    k.mend()
    within("the server was away, and keeps no changes of that time: listed anew", BACK_S,
           lambda: node(3) not in paths() and all_ok(3))
    k.add_pod("third", node(3), ip(3))
    k.set_pod(pod(4), ip(4))
    c.follows("from there on it watches", lambda: all_ok(4))


def token():
    k.write_token("not-a-token")
    reconnect()
    within("a token that is not accepted: an error", BACK_S,
           lambda: metric('kubenurse_discovery_errors_total{reason="unauthorized"}') >= 1)
    ok("the neighbours stay", len(paths()) == 4)
    k.write_token()
    within("a new token is taken up", BACK_S, lambda: metric("kubenurse_discovery_up") == 1)
    os.unlink(f"{c.SERVICE_ACCOUNT}/token")
    reconnect()
    within("no token: the state says so", BACK_S,
           lambda: "token" in c.results()["neighbourhood_state"])
    k.write_token()
    within("and it comes back", BACK_S, lambda: metric("kubenurse_discovery_up") == 1)


def selector():
    k.start_doctor("picky", 8081, KUBENURSE_NEIGHBOUR_FILTER="a === b", KUBENURSE_NEIGHBOUR_PORT="8080")
    within("F 1.30 a refused selector is an error", c.SOON_S, lambda: metric(
        'kubenurse_discovery_errors_total{reason="bad_selector"}', 8081) >= 1)
    within("in /alive, once the first round has ended", c.SOON_S, lambda: c.status("/alive", 8081) == 200)
    ok("with its status", "400" in c.results(8081)["neighbourhood_state"], c.results(8081))
    ok("and in the log", "bad_selector" in k.log("picky"))
    is_("F 1.30 nobody is checked", paths(8081), {})
    k.end("picky")
    k.start_doctor("picky", 8081, KUBENURSE_NEIGHBOUR_PORT="8080",
                   KUBENURSE_NEIGHBOUR_FILTER="app.kubernetes.io/name in (kubenurse), !none")
    within("a good one goes to the server as it is", c.SOON_S, lambda: len(paths(8081)) == 4)
    k.end("picky")
    k.start_doctor("picky", 8081, KUBENURSE_NEIGHBOUR_PORT="8080", KUBENURSE_NEIGHBOUR_FILTER="x=y")
    within("one that selects nobody", c.SOON_S, lambda: metric('kubenurse_neighbours{state="known"}', 8081) == 0)
    is_("is no error", c.results(8081)["neighbourhood_state"], "ok")
    k.end("picky")
    k.start_doctor("picky", 8081, KUBENURSE_NEIGHBOUR_PORT="8080", KUBENURSE_NAMESPACE="")
    within("all namespaces: not with these rights", c.SOON_S,
           lambda: "403" in c.results(8081)["neighbourhood_state"])
    k.end("picky")


def thousand_nodes():
    k.end("doctor")
    k.api("DELETE", c.PODS + "?gracePeriodSeconds=0")
    k.api("DELETE", "/api/v1/nodes")
    k.nodes = 0
    for count, most_bytes in ((500, 80_000), (1000, 20_000)):
        k.populate(count)
        doctor = k.start_doctor(KUBENURSE_CHECK_INTERVAL="5s")
        wanted = c.ring([node(i) for i in range(count)], node(0))
        within(f"K 5.3 {count} nodes: the ring's ten are checked", c.SOON_S, lambda: set(paths()) == wanted)
        time.sleep(2)  # nothing tells when the watches' answers have begun
        received = metric("kubenurse_discovery_received_bytes_total")
        print(f"# {count} nodes: {received:.0f} bytes at start")
        ok(f"F 5.7 {count} nodes: at most {most_bytes} bytes", received <= most_bytes, received)
        mib = pss_mib(doctor.pid)
        print(f"# {count} nodes: {mib:.1f} MiB")
        ok(f"F 5.7 {count} nodes: at most 13 MiB in all processes", mib <= 13, mib)
        if count < 1000:
            k.end("doctor")
    before = metric("kubenurse_discovery_received_bytes_total")
    time.sleep(60)
    per_minute = metric("kubenurse_discovery_received_bytes_total") - before
    print(f"# while nothing changes: {per_minute:.0f} bytes a minute")
    ok("while nothing changes: at most 5,000 bytes a minute", per_minute <= 5000, per_minute)
    is_("the server was always well", metric("kubenurse_discovery_errors_total"), None)


try:
    k.make_keys()
    k.start_etcd()
    k.start_server()
    k.populate(5)
    k.allow()
    k.write_token()
    for part in (five_nodes, changes, outage, rights, compaction, token, selector, thousand_nodes):
        part()
    c.promptly()
finally:
    k.close()
c.done()
