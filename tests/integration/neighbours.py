# SPDX-License-Identifier: Apache-2.0
"""Neighbours without an API server: those of a headless service's name, against
a real dnsmasq, and those of the configuration; and discovery that dies.
"""
import hashlib
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("dnsmasq", "ip")
# All of 10.7/16 and of fd07::/64 answers here; only the first is our own.
for words in (("addr", "add", "10.7.0.0/16", "dev", "lo"),
              ("-6", "route", "add", "local", "fd07::/64", "dev", "lo")):
    subprocess.run(("ip",) + words, check=True)
replace("/etc/hosts", "127.0.0.1 localhost\n")
replace("/etc/resolv.conf", "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n")
replace(f"{WORK}/dnsmasq.conf", f"""no-resolv
no-hosts
no-daemon
bind-interfaces
listen-address=127.0.0.53
user=root
pid-file=
cache-size=0
local=/lab.test/
addn-hosts={WORK}/nurses
""")


def nurses(*addresses):
    replace(f"{WORK}/nurses", "".join(f"{a} nurses.lab.test\n" for a in addresses))


def start_dnsmasq():
    process = Process("dnsmasq", "dnsmasq", "-C", f"{WORK}/dnsmasq.conf")
    process.wait_said("started")
    return process


def paths():
    return {k[len("path_"):]: v for k, v in doctor.results().items()
            if k.startswith("path_")}


def are(name, *nodes):
    wait_ok(lambda: paths() == {node: "ok" for node in nodes}, name)


def up():
    return doctor.metrics().get("kubenurse_discovery_up")


# ------------------------------------------------------------------ source dns

nurses("10.7.0.0", "10.7.0.1", "10.7.0.2", "fd07::3")
dnsmasq = start_dnsmasq()
DNS = """[kubenurse]
listen = [::]:{port}
neighbour_port = {port}
check_interval = 200ms
shutdown_duration = 0s
neighbour_source = dns
neighbour_service = nurses.lab.test
"""
doctor = Doctor(DNS)
doctor.up()
are("N 1.12 the addresses of the name are checked, but for the own one",
    "10.7.0.1", "10.7.0.2", "fd07::3")
equal(doctor.results()["neighbourhood_state"], "ok", "the state is ok")
nurses("10.7.0.0", "10.7.0.2", "fd07::3", "10.7.0.4", "127.0.0.9", "fe80::9")
dnsmasq.send(signal.SIGHUP)
are("one that leaves the name and one that comes", "10.7.0.2", "10.7.0.4", "fd07::3")
equal(doctor.metrics().number('kubenurse_neighbours{state="refused"}'), 2,
      "N 5.8 those at no other machine are refused")
equal(doctor.metrics().total("kubenurse_errors_total.*"), 0, "no check has failed")
dnsmasq.stop()
wait_ok(lambda: up() == "0", "N 4.29 no nameserver: discovery is not up")
like(doctor.results()["neighbourhood_state"], "dns", "the state says why")
are("F 5.6 and the last known ones are checked", "10.7.0.2", "10.7.0.4", "fd07::3")
ok(doctor.metrics().total(r'kubenurse_discovery_errors_total\{reason="connect"\}') > 0,
   "N 4.29 it is counted")
dnsmasq = start_dnsmasq()
wait_ok(lambda: up() == "1", "the nameserver is back")
nurses()
dnsmasq.send(signal.SIGHUP)
wait_ok(lambda: "nurses" in doctor.results()["neighbourhood_state"], "a name without addresses is an error")
are("which takes nobody away", "10.7.0.2", "10.7.0.4", "fd07::3")
doctor.halt()
dnsmasq.stop()

# The first nameserver is dead, and the second one never answers AAAA: with the
# default times of resolv.conf each costs all the time there is at first.


def nameserver(address, answer):
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listener.bind((address, 53))

    def serve():
        while True:
            query, peer = listener.recvfrom(4096)
            reply = answer(query)
            if reply:
                listener.sendto(reply, peer)
    threading.Thread(target=serve, daemon=True).start()


nameserver("127.0.0.54", lambda query: None)
nameserver("127.0.0.55", lambda query: query[-4:-2] == b"\0\1" and
           b"silent" not in query and query[:2] +
           b"\x81\x80\0\1\0\1\0\0\0\0" + query[12:] +
           b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x0a\7\0\1")
resolv_conf = "nameserver 127.0.0.53\noptions timeout:1 attempts:1\n"
replace("/etc/resolv.conf", "nameserver 127.0.0.54\nnameserver 127.0.0.55\n")
os.makedirs(ACCOUNT)
replace(f"{ACCOUNT}/token", "token")
doctor = Doctor(DNS, name="half")
lost = Doctor(DNS.replace("= dns", "= pods"), name="lost",
              env={"KUBERNETES_SERVICE_HOST": "silent.test"})
doctor.up()
are("the second nameserver is reached, and the family it answers is enough",
    "10.7.0.1")
ok(not doctor.said("does not answer"), "and nothing has failed", doctor.log())
wait(lambda: "dns" in lost.results()["neighbourhood_state"])
like(lost.results()["neighbourhood_state"],
     r"dns: timeout for silent\.test \(nameserver 127\.0\.0\.5[45]:53\)$",
     "where the API server's name is not answered, the nameserver is named")
doctor.halt()
lost.halt()
shutil.rmtree(ACCOUNT)
replace("/etc/resolv.conf", resolv_conf)

# --------------------------------------------------------------- source static

STATIC = """[kubenurse]
listen = [::]:{port}
neighbour_port = {port}
check_interval = 200ms
shutdown_duration = 0s
neighbour_source = static
neighbour_limit = 3
node_name = n0
[neighbours]
""" + "".join(f"neighbour = n{i} 10.7.0.{i}\n" for i in range(8))
doctor = Doctor(STATIC, name="static")
doctor.up()


def ring(names, own, limit):
    """The contract's: by the first eight bytes of the names' SHA-256."""
    def place(name):
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return sorted((n for n in names if n != own),
                  key=lambda n: (place(n) - place(own)) % 2**64)[:limit]


names = [f"n{i}" for i in range(8)]
are("N 1.12 the ring's three are checked", *ring(names, "n0", 3))
equal(doctor.metrics().number('kubenurse_neighbours{state="known"}'), 7, "N 4.28 seven are known")
first = doctor.worker("discovery")
before = doctor.metrics().total('kubenurse_httpclient_requests_total.*"path_.*')
os.kill(first, signal.SIGKILL)
wait_ok(lambda: doctor.worker("discovery") not in (None, first), "discovery is killed, and comes back")
are("F 5.6 meanwhile the neighbours stay", *ring(names, "n0", 3))
ok(doctor.metrics().total('kubenurse_httpclient_requests_total.*"path_.*') > before, "and are checked")
names = [n for n in names if n != ring(names, "n0", 3)[0]] + ["n9"]
doctor.reload(STATIC.split("neighbour = ")[0] +
              "".join(f"neighbour = {n} 10.7.0.{n[1:]}\n" for n in names))
are("a reload that changes them", *ring(names, "n0", 3))
equal(doctor.metrics().total("kubenurse_errors_total.*"), 0, "no check has failed")
equal(doctor.metrics().total(r'kubenurse_worker_restarts_total\{worker="discovery".*'), 1,
      "and discovery died once")
doctor.halt()
done()
