# SPDX-License-Identifier: Apache-2.0
"""CONTRACT 5 and 6: a ring of neighbours under load is restarted, one after the
other, the way a DaemonSet does it: the pod is marked, the process gets SIGTERM,
a new pod with another address takes its place and becomes Ready.  No observer
counts a single error, and no client of theirs sees one.
"""
import os
import queue
import ssl
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403

enter()
need("openssl")
COUNT = 4
authority = Authority("authority")
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(*authority.issue("api", "IP:127.0.0.1"))


class Api:
    """Lists and watches of pods; of nodes there is nothing to tell."""

    def __init__(self):
        self.pods, self.version, self.watches = {}, 100, []
        self.lock = threading.Lock()
        self.server = Scripted(self.serve, context=context)
        self.port = self.server.port

    def change(self, kind, name, **more):
        """ADDED, MODIFIED or DELETED, to all who watch."""
        with self.lock:
            self.version += 1
            pod = self.pods.setdefault(name, {
                "apiVersion": "v1", "kind": "Pod",
                "metadata": {"name": name, "namespace": "default"},
                "spec": {}, "status": {"phase": "Running"}})
            pod["metadata"]["resourceVersion"] = str(self.version)
            for part, values in more.items():
                pod[part].update(values)
            event = json.dumps({"type": kind, "object": pod}).encode() + b"\n"
            if kind == "DELETED":
                del self.pods[name]
            for watch in self.watches:
                watch.put(event)

    def serve(self, connection, request):
        if not request:
            return  # a doctor that ended before it had asked
        url = urllib.parse.urlsplit(request.split()[1].decode())
        pods = url.path.endswith("/pods")
        head = (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                b"Connection: close\r\n")
        if "watch=" not in url.query:
            with self.lock:
                items = list(self.pods.values()) if pods else []
                body = json.dumps({
                    "kind": "PodList" if pods else "NodeList",
                    "apiVersion": "v1", "items": items, "metadata": {
                        "resourceVersion": str(self.version)}}).encode()
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" %
                               len(body) + body)
            return
        mine = queue.SimpleQueue()
        since = int(urllib.parse.parse_qs(url.query)["resourceVersion"][0])
        with self.lock:
            for pod in self.pods.values() if pods else ():
                if int(pod["metadata"]["resourceVersion"]) > since:
                    mine.put(json.dumps({"type": "MODIFIED", "object": pod})
                             .encode() + b"\n")
            if pods:
                self.watches.append(mine)
        connection.sendall(head + b"\r\n")
        while True:
            connection.sendall(mine.get())


be_at("10.8.1.0/24")
api = Api()
os.makedirs(ACCOUNT)
replace(f"{ACCOUNT}/token", "token")
shutil.copy(authority.path, f"{ACCOUNT}/ca.crt")
serial = 0


class Pod:
    """A pod on a node, Ready when this returns."""

    def __init__(self, node):
        global serial
        serial += 1
        self.node, self.name = f"node-{node}", f"kubenurse-{serial}"
        self.address = f"10.8.1.{serial}"
        api.change("ADDED", self.name, spec={"nodeName": self.node}, status={
            "podIP": self.address, "conditions": [
                {"type": "Ready", "status": "False"}]})
        self.doctor = Doctor(f"""[kubenurse]
listen = {self.address}:8080, 127.0.0.1:{{port}}
check_interval = 100ms
shutdown_duration = 6s
neighbour_source = pods
namespace = default
api_server_host = 127.0.0.1
api_server_port = {api.port}
check_api_server_dns = false
service_url = http://{self.address}:8080
pod_name = {self.name}
node_name = {self.node}
""", name=self.name)
        if not self.doctor.up():
            ok(False, f"{self.name} starts", self.doctor.log())
            done()
        wait(lambda: self.doctor.status("/ready") == 200)
        # What its first list held would be checked at once, Ready or not.
        self.doctor.wait_metric("kubenurse_discovery_up", 1)
        api.change("MODIFIED", self.name, status={"conditions": [
            {"type": "Ready", "status": "True"}]})

    def sees(self, names):
        checked = {name for name in self.doctor.results()
                   if name.startswith("path_")}
        return checked == {f"path_{name}" for name in names}

    def errors(self):
        """What it has counted against anyone, or lost."""
        metrics = self.doctor.metrics()
        return metrics.select("kubenurse_errors_total.*") | {
            series: value for series, value in metrics.select(
                "kubenurse_samples_lost_total.*").items() if value}


pods = [Pod(number) for number in range(COUNT)]
nodes = {pod.node for pod in pods}
wait_ok(lambda: all(pod.sees(nodes - {pod.node}) for pod in pods),
        "K 5 each checks all the others")
balanced = list(pods)  # whom a Service would send to


class Client(threading.Thread):
    """A connection for each request, to whoever is Ready."""

    def __init__(self):
        super().__init__()
        self.failures, self.count, self.running = [], 0, True
        self.start()

    def run(self):
        while self.running:
            for pod in list(balanced):
                for path in ("/alwayshappy", "/metrics"):
                    connection = http.client.HTTPConnection(
                        pod.address, 8080, timeout=DEADLINE_S)
                    try:
                        connection.request("GET", path)
                        if connection.getresponse().read() is None:
                            self.failures.append(pod.name)
                    except (OSError, http.client.HTTPException) as error:
                        self.failures.append(f"{pod.name} {path} {error!r}")
                    finally:
                        connection.close()
                    self.count += 1


clients = [Client() for _ in range(2)]
for number, old in enumerate(list(pods)):
    others = [pod for pod in pods if pod is not old]
    equal(old.errors(), {}, f"{old.name}: has counted nothing until now")
    api.change("MODIFIED", old.name, metadata={
        "deletionTimestamp": "2030-01-01T00:00:00Z"})
    old.doctor.send(signal.SIGTERM)
    wait_ok(lambda: old.doctor.status("/ready") == 503,
            f"K 6.1 {old.name}: /ready turns 503")
    wait_ok(lambda: not any(
        f"path_{old.node}" in pod.doctor.results() for pod in others),
        f"K 5.1 {old.name}: terminating, it is checked by nobody", 6)
    balanced.remove(old)
    equal(old.errors(), {}, f"F 6.4 {old.name}: what was cut short counts nowhere")
    equal(old.doctor.wait(), 0, f"K 6.3 {old.name}: exit code 0")
    api.change("DELETED", old.name)
    new = Pod(number)
    pods[pods.index(old)] = new
    balanced.append(new)
    wait_ok(lambda: all(pod.sees(nodes - {pod.node}) for pod in pods),
            f"K 5 {new.name}: takes its place in the ring")
for client in clients:
    client.running = False
for client in clients:
    client.join()
for pod in pods:
    equal(pod.errors(), {}, f"F 6.4 {pod.name}: not a single error")
ok(sum(client.count for client in clients) > 100 and not any(
    client.failures for client in clients), "K 6 nor has any client seen one",
   [client.failures[:5] for client in clients])
for pod in pods:
    pod.doctor.halt()
done()
