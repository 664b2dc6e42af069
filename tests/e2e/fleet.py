#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fifty doctors, each in a network namespace of its own, and one API server:
they form the mesh, each is checked by ten, and when one is cut off its ten
observers show it, and nobody else."""
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster as c
from cluster import is_, ok, within, metric, node, pod

COUNT = int(os.environ.get("FLEET", "50"))
LOST = 7
LONG_S = 180  # four hundred processes want two processors

c.isolate("kube-apiserver")
k = c.Cluster()
names = [node(i) for i in range(COUNT)]
rings = {name: c.ring(names, name) for name in names}


def address(i):
    return f"10.3.1.{i + 1}"


def make_network():
    """A router in the middle: on one link, so many would know each other's
    hardware addresses that the kernel's table, one for all, overflows."""
    commands = ["ip addr add 10.3.0.1/32 dev lo", "sysctl -q net.ipv4.ip_forward=1",
                "mkdir -p /run/netns"]
    for i in range(COUNT):
        commands += [
            f"ip netns add n{i}", f"ip link add v{i} type veth peer name eth0 netns n{i}",
            f"ip link set v{i} up", f"ip route add {address(i)} dev v{i} src 10.3.0.1",
            f"ip -n n{i} link set lo up", f"ip -n n{i} link set eth0 up",
            f"ip -n n{i} addr add {address(i)}/32 dev eth0",
            f"ip -n n{i} route add 10.3.0.1 dev eth0",
            f"ip -n n{i} route add default via 10.3.0.1"]
    subprocess.run(" && ".join(commands), shell=True, check=True)


def errors_of(i):
    """By type: how many checks of doctor i have failed."""
    found = {}
    for line in c.get("/metrics", host=address(i)).splitlines():
        match = re.match(r'kubenurse_errors_total{type="([^"]*)",.*} (\d+)', line)
        if match:
            found[match[1]] = found.get(match[1], 0) + int(match[2])
    return found


def requests_of(i):
    """By neighbour: how many checks of doctor i have ended."""
    found = {}
    for line in c.get("/metrics", host=address(i)).splitlines():
        match = re.match(r'kubenurse_httpclient_requests_total{type="(path_[^"]*)",.*} (\d+)', line)
        if match:
            found[match[1]] = found.get(match[1], 0) + int(match[2])
    return found


def all_again(doctors, count):
    """Each of them has checked each of its neighbours so many times more."""
    before = {i: requests_of(i) for i in doctors}
    left = set(doctors)

    def there():
        for i in list(left):
            now = requests_of(i)
            if all(now.get(name, 0) >= had + count for name, had in before[i].items()):
                left.remove(i)
        return not left
    within(f"everybody is checked {count} times more", LONG_S, there)


def checked_by(i):
    return metric("kubenurse_neighbourhood_incoming_checks", host=address(i))


def new_errors(before):
    """Which of its targets each doctor but the lost one has failed at since."""
    found = {}
    for i in range(COUNT):
        if i == LOST:
            continue
        now = errors_of(i)
        types = {t for t in now if now[t] > before[i].get(t, 0)}
        if types:
            found[node(i)] = types
    return found


def mesh():
    for i in range(COUNT):
        k.api("POST", "/api/v1/nodes", {"metadata": {"name": node(i)}})
        k.add_pod(pod(i), node(i), address(i))
    for i in range(COUNT):
        k.start_doctor(f"doctor-{i}", netns=f"n{i}", KUBERNETES_SERVICE_HOST="10.3.0.1",
                       KUBENURSE_POD_NAME=pod(i), KUBENURSE_NODE_NAME=node(i),
                       KUBENURSE_LISTEN="0.0.0.0:8080", KUBENURSE_CHECK_INTERVAL="2s",
                       KUBENURSE_CHECK_API_SERVER_DIRECT="false")
    within("every doctor is checked by exactly ten others", LONG_S,
           lambda: all(checked_by(i) == min(10, COUNT - 1) for i in range(COUNT)))
    is_("each knows all others", {metric('kubenurse_neighbours{state="known"}', host=address(i))
                                  for i in range(COUNT)}, {COUNT - 1.0})


def cut_one_off():
    # whoever was slow to start has been checked again since
    all_again(range(COUNT), 2)
    before = {i: errors_of(i) for i in range(COUNT)}
    all_again(range(COUNT), 4)
    is_("no check fails while all is well", new_errors(before), {})
    before = {i: errors_of(i) for i in range(COUNT) if i != LOST}
    subprocess.run(f"nsenter --net=/run/netns/n{LOST} nft '"
                   "add table ip lost; add chain ip lost in { type filter hook input priority 0; };"
                   "add chain ip lost out { type filter hook output priority 0; };"
                   "add rule ip lost in iif eth0 drop; add rule ip lost out oif eth0 drop'",
                   shell=True, check=True)
    observers = {name for name in names if node(LOST) in rings[name] and name != node(LOST)}
    is_("it has ten observers", len(observers), min(10, COUNT - 1))
    wanted = {name: {f"path_{node(LOST)}"} for name in observers}
    within("each of them shows it", LONG_S, lambda: new_errors(before) == wanted)
    all_again([i for i in range(COUNT) if i != LOST], 2)
    is_("and nobody else shows anything", new_errors(before), wanted)
    subprocess.run(f"nsenter --net=/run/netns/n{LOST} nft delete table ip lost",
                   shell=True, check=True)
    within("it is back: all are well", LONG_S, lambda: all(
        set(v for t, v in c.json.loads(c.get("/alive", host=address(i)))["last_check_result"].items()
            if t.startswith("path_")) == {"ok"} for i in range(COUNT)))


try:
    k.make_keys()
    make_network()
    k.start_etcd()
    k.start_server()
    k.populate(0)
    k.allow()
    k.write_token()
    mesh()
    cut_one_off()
finally:
    k.close()
c.done()
