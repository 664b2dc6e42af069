# SPDX-License-Identifier: Apache-2.0
"""The dashboard that people have for kubenurse 1.x (compat_dashboard.promql has
its queries): a real Prometheus scrapes a doctor and answers each of them.  The
one of them that is left out asks for go_goroutines: there are none here.
"""
import itertools
import os
import ssl
import sys
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("prometheus", "openssl")
TYPES = ("api_server_direct", "api_server_dns", "me_service", "me_ingress",
         "path_")
authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue(
    "good", "IP:127.0.0.1,DNS:localhost"))
turns = itertools.count()


def act(connection, _):
    """Half of the answers are bad, for panels of errors are empty else."""
    status = (b"200 OK", b"500 Internal Server Error")[next(turns) // 3 % 2]
    connection.sendall(b"HTTP/1.1 " + status +
                       b"\r\nContent-Length: 0\r\n\r\n")


plain, secure = Scripted(act), Scripted(act, context=context)
doctor = Doctor(f"""[kubenurse]
listen = 127.0.0.1:{{port}}
check_interval = 100ms
neighbour_source = static
neighbour_port = {plain.port}
api_server_host = 127.0.0.1
api_server_port = {secure.port}
api_server_dns = localhost
ingress_url = http://localhost:{plain.port}
service_url = http://localhost:{plain.port}
extra_ca = {authority.path}
[neighbours]
neighbour = node-a 127.0.0.1
""")
os.makedirs(ACCOUNT, exist_ok=True)
replace(f"{ACCOUNT}/token", "token")
ok(doctor.up(), "it starts") or done()
port, = free_ports(1)
replace(f"{WORK}/prometheus.yml", f"""
scrape_configs:
- job_name: kubenurse
  scrape_interval: 1s
  scrape_timeout: 1s
  static_configs:
  - targets: ["127.0.0.1:{doctor.port}"]
    labels:
      kubernetes_cluster_name: one
      app_kubernetes_io_name: kubenurse
      kubernetes_node: node-own
      pod: kubenurse-own
""")
prometheus = Process("prometheus", "prometheus",
                     f"--config.file={WORK}/prometheus.yml",
                     f"--storage.tsdb.path={WORK}/tsdb",
                     f"--web.listen-address=127.0.0.1:{port}")


def ask(query):
    text = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(
            f"http://127.0.0.1:{port}/api/v1/query?{text}", timeout=10) as got:
        return json.load(got)["data"]["result"]


def with_numbers(result):
    return [one for one in result if one["value"][1] != "NaN"]


def errors_of_all():
    return doctor.metrics() and all(ask(
        f'irate(kubenurse_errors_total{{type=~"{kind}.*"}}[5m])')
        for kind in TYPES)


wait_ok(errors_of_all, "Prometheus has scraped errors of every kind", 60)
equal([one["value"][1] for one in ask('up{job="kubenurse"}')], ["1"],
      "K 2.16 /metrics: Prometheus takes what it scrapes")
with open(os.path.dirname(os.path.abspath(__file__)) +
          "/compat_dashboard.promql", encoding="ascii") as file:
    queries = [line.strip() for line in file if line[0] not in "#\n"]
for query in queries:
    # a range that the dashboard leaves to its database
    query = re.sub(r"(rate\([^\[\]]*})\)", r"\1[5m])", query)
    for kind in TYPES if "$request_type" in query else ("",):
        text = query.replace("$cluster", "one").replace("$request_type", kind)
        result = ask(text)
        ok(with_numbers(result), f"K 4.13 dashboard: {text}", result)
doctor.halt()
done()
