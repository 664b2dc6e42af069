# SPDX-License-Identifier: Apache-2.0
"""A real Kubernetes of some nodes, on one machine: etcd, kube-apiserver,
controllers, scheduler and CoreDNS where the test itself is (after lab.enter()),
and per node a network namespace with containerd, kubelet and kube-proxy.

Everything lives in the test's own network, mount and process namespaces, which
end with it.  What would outlive them, cgroups, guarded() removes: it runs the
test as a child.
"""
import ctypes
import glob
import os
import signal
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)) + "/../lib")
from lab import *  # noqa: E402,F403
from cluster import PROGRAMS  # noqa: E402

SERVER = "10.250.0.100"  # of the API server and of CoreDNS
SERVER_PORT = 6443
DNS = "10.96.0.10"
TOKEN = "administrator"
MAX_NODES = 3
PR_SET_PDEATHSIG = 1
START_S = 240  # for all programs at once, on processors with other work

# What the kubelet would set for the whole machine if it did not stand there.
TUNABLES = {"vm/overcommit_memory": 1, "vm/panic_on_oom": 0,
            "kernel/panic": 10, "kernel/panic_on_oops": 1,
            "kernel/keys/root_maxkeys": 1000000,
            "kernel/keys/root_maxbytes": 25000000}


def guarded(*programs):
    """Runs the script anew, once the programs of Kubernetes that it needs, if
    any, are built, and cleans up behind it, however it ends."""
    if os.environ.get("NODES_CGROUP"):
        return
    if os.geteuid() != 0:
        skip_all("needs root")
    if programs:
        _build(*programs)
    group = _make_cgroups(f"kubenurse-test-{os.getpid()}")
    libc = ctypes.CDLL(None)
    child = subprocess.Popen(
        [sys.executable] + sys.argv, env=dict(os.environ, NODES_CGROUP=group),
        preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    # It becomes unshare(1), with which all it has started dies.
    signal.signal(signal.SIGTERM, lambda *_: child.kill())
    status = child.wait()
    wait(lambda: _remove_cgroups(group))
    sys.exit(status if status >= 0 else 128 - status)


def _build(*programs):
    built = subprocess.run(
        ["bash", f"{SOURCE}/tests/e2e/build-cluster.sh", PROGRAMS, *programs],
        stdout=subprocess.PIPE, text=True)
    if built.returncode == 77:
        skip_all(built.stdout.strip())
    if built.returncode != 0:
        skip_all(f"{' '.join(programs)} cannot be built here")


def _hierarchies():
    """One, or one for each controller."""
    if os.path.exists("/sys/fs/cgroup/cgroup.procs"):
        return ["/sys/fs/cgroup"]
    return sorted({os.path.realpath(path) for path in
                   glob.glob("/sys/fs/cgroup/*") if
                   os.path.exists(f"{path}/cgroup.procs")})


def _make_cgroups(group):
    """Beneath it are all pods, node by node."""
    for top in _hierarchies():
        for number in range(1, MAX_NODES + 1):
            os.makedirs(f"{top}/{group}/node-{number}")
        for folder in (top, f"{top}/{group}"):
            control = f"{folder}/cgroup.subtree_control"
            if len(_hierarchies()) == 1 and os.path.exists(control):
                with open(control, "w", encoding="ascii") as file:
                    file.write("+cpu +cpuset +memory +pids")
    return group


def _remove_cgroups(group):
    for top in [f"{top}/{group}" for top in _hierarchies()]:
        for folder, _, _ in os.walk(top, topdown=False):
            os.rmdir(folder)  # busy while its processes still end
    return True


def run(*words, **more):
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **more)


def inside(node):
    """What comes before a command that is to run in the node's network."""
    return ["nsenter", f"--net=/run/netns/{node}"]


class Kubernetes:
    """Up when this returns.  Nodes are named node-1, node-2, ..."""

    def __init__(self, count, images):
        self.nodes = [f"node-{number + 1}" for number in range(count)]
        self.images = images
        self.kubelets = {}
        self.context = ssl._create_unverified_context()
        _keep_off_the_machine()
        self._make_network()
        self._start_server()
        self._start_names()
        for node in self.nodes:
            self._start_node(node)
        wait_ok(lambda: all(self.node_ready(node) for node in self.nodes),
                f"a Kubernetes of {count} nodes is up", START_S)

    # ---------------------------------------------------------------- asking it

    def kubectl(self, *words, stdin=None):
        return subprocess.run(
            [f"{PROGRAMS}/kubectl", f"--kubeconfig={WORK}/kubeconfig", *words],
            input=stdin, capture_output=True, text=True)

    def apply(self, *words, stdin=None):
        answer = self.kubectl("apply", *words, stdin=stdin)
        if answer.returncode:
            raise SystemExit(answer.stderr)

    def api(self, method, path, body=None):
        """(status, the answer), once the server is not too busy."""
        end = time.monotonic() + DEADLINE_S
        while True:
            try:
                status, answer = self._ask(method, path, body)
                if status != 429 and status < 500:
                    return status, json.loads(answer)
                why = OSError(f"{method} {path}: {status} {answer[:300]}")
            except (OSError, http.client.HTTPException) as error:
                why = error
            if time.monotonic() > end:
                raise why
            time.sleep(0.2)

    def _ask(self, method, path, body):
        connection = http.client.HTTPSConnection(
            SERVER, SERVER_PORT, context=self.context, timeout=DEADLINE_S)
        try:
            connection.request(
                method, path, json.dumps(body) if body is not None else None,
                {"Authorization": f"Bearer {TOKEN}", "Content-Type":
                 "application/merge-patch+json" if method == "PATCH" else
                 "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def get(self, path):
        status, found = self.api("GET", path)
        if status != 200:
            raise OSError(f"{path}: {status} {found}")
        return found

    def node_ready(self, node):
        status, found = self.api("GET", f"/api/v1/nodes/{node}")
        return status == 200 and any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in found["status"].get("conditions", []))

    # ----------------------------------------------------------- what can happen

    def cordon(self, node, cordoned=True):
        self.api("PATCH", f"/api/v1/nodes/{node}",
                 {"spec": {"unschedulable": cordoned or None}})

    def cut_off(self, node):
        """Nothing comes through its only interface, in or out."""
        run(*inside(node), "nft", """
table inet cut_off {
	chain from { type filter hook prerouting priority -400
		iif e0 drop
	}
	chain to { type filter hook postrouting priority 400
		oif e0 drop
	}
}""")

    def mend(self, node):
        run(*inside(node), "nft", "delete table inet cut_off")

    def start_kubelet(self, node):
        self.kubelets[node] = Process(
            f"{node}-kubelet", *inside(node), f"{PROGRAMS}/kubelet",
            f"--config={WORK}/{node}/kubelet.yaml",
            f"--kubeconfig={WORK}/kubeconfig",
            f"--root-dir={WORK}/{node}/kubelet",
            f"--cert-dir={WORK}/{node}/certificates",
            f"--hostname-override={node}", f"--node-ip={address(node)}")

    def stop_kubelet(self, node):
        self.kubelets[node].stop(signal.SIGKILL)

    # ------------------------------------------------------------ its beginnings

    def _make_network(self):
        """A bridge, on which every node has its place."""
        run("ip", "link", "add", "br0", "type", "bridge")
        run("ip", "addr", "add", f"{SERVER}/24", "dev", "br0")
        run("ip", "link", "set", "br0", "up")
        run("sysctl", "-qw", "net.ipv4.ip_forward=1")
        for node in self.nodes:
            number = node.rpartition("-")[2]
            run("ip", "netns", "add", node)
            run("ip", "link", "add", f"n{number}", "type", "veth",
                "peer", "name", "e0", "netns", node)
            run("ip", "link", "set", f"n{number}", "master", "br0", "up")
            run("ip", "-n", node, "link", "set", "lo", "up")
            run("ip", "-n", node, "link", "set", "e0", "up")
            run("ip", "-n", node, "addr", "add", f"{address(node)}/24",
                "dev", "e0")
            run("ip", "-n", node, "route", "add", "default", "via", SERVER)
            run(*inside(node), "sysctl", "-qw", "net.ipv4.ip_forward=1")
            run("ip", "route", "add", pods_of(node), "via", address(node))
            for other in self.nodes:
                if other != node:
                    run("ip", "-n", node, "route", "add", pods_of(other),
                        "via", address(other))

    def _start_server(self):
        authority = Authority("ca")
        certificate, key = authority.issue(
            "kube-apiserver", "DNS:kubernetes.default.svc.cluster.local,"
            f"DNS:kubernetes.default.svc,IP:10.96.0.1,IP:{SERVER}")
        run("openssl", "genrsa", "-out", "accounts.key", "2048",
            stderr=subprocess.DEVNULL)
        replace("tokens.csv", f"{TOKEN},admin,admin,system:masters\n")
        replace("kubeconfig", json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{"name": "it", "cluster": {
                "server": f"https://{SERVER}:{SERVER_PORT}",
                "certificate-authority": authority.path}}],
            "users": [{"name": "it", "user": {"token": TOKEN}}],
            "contexts": [{"name": "it", "context": {
                "cluster": "it", "user": "it"}}]}))
        client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
        Process("etcd", "etcd", f"--data-dir={WORK}/etcd",
                f"--listen-client-urls={client}",
                f"--advertise-client-urls={client}",
                f"--listen-peer-urls={peer}")
        Process("kube-apiserver", f"{PROGRAMS}/kube-apiserver",
                f"--etcd-servers={client}", f"--secure-port={SERVER_PORT}",
                f"--advertise-address={SERVER}",
                f"--tls-cert-file={certificate}",
                f"--tls-private-key-file={key}",
                f"--client-ca-file={authority.path}",
                "--service-account-issuer=https://kubernetes.default.svc",
                "--service-account-key-file=accounts.key",
                "--service-account-signing-key-file=accounts.key",
                "--token-auth-file=tokens.csv", "--authorization-mode=RBAC",
                "--service-cluster-ip-range=10.96.0.0/16")
        if not wait(lambda: self._ask("GET", "/readyz", None)[0] == 200 and
                    self.get("/api/v1/namespaces/kube-system"), START_S):
            raise SystemExit("the API server does not start")
        # A node that is silent is known to be so after 16 s instead of 50.
        Process("kube-controller-manager",
                f"{PROGRAMS}/kube-controller-manager",
                "--kubeconfig=kubeconfig", "--leader-elect=false",
                "--service-account-private-key-file=accounts.key",
                f"--root-ca-file={authority.path}",
                "--node-monitor-period=1s", "--node-monitor-grace-period=16s")
        Process("kube-scheduler", f"{PROGRAMS}/kube-scheduler",
                "--kubeconfig=kubeconfig", "--leader-elect=false")

    def _start_names(self):
        """CoreDNS, behind the service address that pods ask."""
        replace("Corefile", f""".:53 {{
	bind {SERVER}
	errors
	hosts {{
		{address(self.nodes[0])} kubenurse.example.com
		fallthrough
	}}
	kubernetes cluster.local {{
		kubeconfig {WORK}/kubeconfig it
	}}
}}
""")
        Process("coredns", f"{PROGRAMS}/coredns", "-conf", "Corefile")
        replace(f"{WORK}/resolv.conf", f"nameserver {SERVER}\n")
        self.apply("-f", "-", stdin=f"""
apiVersion: v1
kind: Service
metadata: {{name: kube-dns, namespace: kube-system}}
spec:
  clusterIP: {DNS}
  ports: [{{name: dns, port: 53, protocol: UDP}},
          {{name: dns-tcp, port: 53, protocol: TCP}}]
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: kube-dns
  namespace: kube-system
  labels: {{kubernetes.io/service-name: kube-dns}}
addressType: IPv4
ports: [{{name: dns, port: 53, protocol: UDP}},
        {{name: dns-tcp, port: 53, protocol: TCP}}]
endpoints: [{{addresses: [{SERVER}], conditions: {{ready: true}}}}]
""")

    def _start_node(self, node):
        home = f"{WORK}/{node}"
        os.makedirs(f"{home}/cni")
        _configure_node(node, home)
        Process(f"{node}-containerd", *inside(node), "containerd",
                f"--config={home}/containerd.toml", "--log-level=warn")
        wait(lambda: subprocess.run(
            ["ctr", f"--address={home}/sock", "version"],
            capture_output=True).returncode == 0, START_S)
        for image in self.images:
            run("ctr", f"--address={home}/sock", "--namespace=k8s.io",
                "images", "import", image)
        self.start_kubelet(node)
        Process(f"{node}-kube-proxy", *inside(node), f"{PROGRAMS}/kube-proxy",
                f"--config={home}/kube-proxy.yaml")


def address(node):
    return f"10.250.0.{node.rpartition('-')[2]}"


def pods_of(node):
    return f"10.244.{node.rpartition('-')[2]}.0/24"


def _keep_off_the_machine():
    """The usual places are empty here, and nothing is tuned for all."""
    for place in ("/var/log", "/var/lib"):
        run("mount", "-t", "tmpfs", "tmpfs", place)
    for name, value in TUNABLES.items():
        replace(f"{WORK}/tunable", f"{value}\n")
        stand_in = f"{WORK}/{name.replace('/', '.')}"
        os.rename(f"{WORK}/tunable", stand_in)
        run("mount", "--bind", stand_in, f"/proc/sys/{name}")


def _configure_node(node, home):
    replace(f"{home}/cni/10-bridge.conflist", json.dumps({
        "cniVersion": "1.0.0", "name": "pods", "plugins": [{
            "type": "bridge", "bridge": "cni0", "isGateway": True,
            "hairpinMode": True, "ipam": {
                "type": "host-local", "dataDir": f"{home}/addresses",
                "ranges": [[{"subnet": pods_of(node)}]],
                "routes": [{"dst": "0.0.0.0/0"}]}}]}))
    replace(f"{home}/containerd.toml", f"""version = 2
root = "{home}/containerd"
state = "{home}/containerd-state"
[grpc]
  address = "{home}/sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{home}/cni"
""")
    replace(f"{home}/kubelet.yaml", json.dumps({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {"anonymous": {"enabled": False}},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{os.environ['NODES_CGROUP']}/{node}",
        "enforceNodeAllocatable": [], "failSwapOn": False,
        "failCgroupV1": False, "evictionHard": {},
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
        "containerRuntimeEndpoint": f"unix://{home}/sock",
        "clusterDNS": [DNS], "clusterDomain": "cluster.local",
        "resolvConf": f"{WORK}/resolv.conf",
        "nodeLeaseDurationSeconds": 8, "nodeStatusUpdateFrequency": "4s",
        "volumePluginDir": f"{home}/plugins",
        "podLogsDir": f"{home}/logs"}))
    replace(f"{home}/kube-proxy.yaml", json.dumps({
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration", "mode": "nftables",
        "clusterCIDR": "10.244.0.0/16", "hostnameOverride": node,
        "clientConnection": {"kubeconfig": f"{WORK}/kubeconfig"},
        "conntrack": {"maxPerCore": 0}}))
