# SPDX-License-Identifier: Apache-2.0
"""Ten thousand neighbours: the ring's ten are checked, /alive tells of all, one
that changes is one record, and what all processes hold stays small.
"""
import hashlib
import os
import ssl
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
from api_server import *  # noqa: E402,F403

enter()
need("openssl")
COUNT, PSS_MAX_MIB, LIMIT = 10000, 15, 10
authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("api", "IP:127.0.0.1"))
os.makedirs(ACCOUNT)
os.chmod("/var/run/secrets", 0o755)
replace(f"{ACCOUNT}/token", "token")
shutil.copy(authority.path, f"{ACCOUNT}/ca.crt")
neighbour = Scripted(says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"
                          b"Connection: close\r\n\r\n"), host="0.0.0.0")


def node(i):
    return f"node-{i:04}.example.com"


def pod(i):
    return f"kubenurse-{i:05x}"


def address(i):
    return f"10.8.{i >> 8}.{i & 255}"


def place(name):
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")


def ring(names, own):
    return set(sorted(names, key=lambda name: (place(name) - place(own)) %
                      2 ** 64)[:LIMIT])


def paths():
    return {key.removeprefix("path_") for key in doctor.results()
            if key.startswith("path_")}


be_at("10.8.0.0/16")
api = ApiServer(context)
api.items["pods"] = {pod(i): [pod(i), "1/1", "Running", address(i), node(i)]
                     for i in range(COUNT)}
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 500ms
shutdown_duration = 0s
neighbour_port = {neighbour.port}
namespace = ns
pod_name = {pod(0)}
service_url = http://127.0.0.1:{neighbour.port}
ingress_url = http://127.0.0.1:{neighbour.port}
""", env={"KUBERNETES_SERVICE_HOST": "127.0.0.1",
          "KUBERNETES_SERVICE_PORT": str(api.port)})
others = [node(i) for i in range(1, COUNT)]
wanted = ring(others, node(0))
wait_ok(lambda: paths() == wanted, "K 5.3 the ring's ten are checked")
equal(len(doctor.results()["neighbourhood"]), COUNT - 1, "/alive tells of all")
doctor.wait_checks(["path"], 100)
if doctor.said("built with sanitizers"):
    ok(True, "what a sanitizer holds is not counted")
else:
    mib = pss_mib(doctor.pid)
    print(f"# {mib:.1f} MiB")
    ok(mib <= PSS_MAX_MIB, f"F 5.7 {COUNT} pods: {PSS_MAX_MIB} MiB at most", mib)

nearest = min(wanted, key=lambda name: (place(name) - place(node(0))) % 2 ** 64)
i = others.index(nearest) + 1
wait_ok(api.watched_s, "the list is watched")
before = doctor.metrics().number("kubenurse_discovery_received_bytes_total")
api.pod(pod(i), node(i), address(COUNT))
wait_ok(lambda: any(one["PodIP"] == address(COUNT) for one in
                    doctor.results()["neighbourhood"]), "one moves")
api.change("pods", pod(i))
wait_ok(lambda: paths() == ring(set(others) - {nearest}, node(0)),
        "one leaves: the next on the ring is checked")
received = doctor.metrics().number("kubenurse_discovery_received_bytes_total")
ok(received - before < 2000, "nothing is listed anew", received - before)
equal(doctor.metrics().total("kubenurse_errors_total{.*path.*}"), 0,
      "no check of a neighbour has failed")
doctor.halt()
done()
