# SPDX-License-Identifier: Apache-2.0
"""A real kube-apiserver with etcd in a network namespace of its own, and what
the end-to-end tests say to it and to the doctor.  Prints TAP."""
import hashlib
import http.client
import json
import os
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BUILD", os.getcwd())
PROGRAMS = os.environ.get("CLUSTER_PROGRAMS", os.path.join(
    os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "kubenurse-cluster"))
SERVICE_ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount"
PORT = 16443
SOON_S = 60  # what takes a moment, where the processors are busy with others
ADMIN = "10.2.255.254"  # the doctor's way, by 127.0.0.1, can be cut alone

number = failed = 0
followed = []


def ok(name, truth, note=""):
    global number, failed
    number += 1
    failed += not truth
    print(f"{'' if truth else 'not '}ok {number} - {name}")
    if note and not truth:
        print("".join(f"#   {line}\n" for line in str(note).splitlines()[:20]), end="")
    sys.stdout.flush()
    return truth


def is_(name, value, wanted):
    return ok(name, value == wanted, f"is:        {value}\nshould be: {wanted}")


def within(name, seconds, condition):
    """The condition turns true in time; what it raises counts as false.  True:
    how long that took, in seconds."""
    start, why = time.monotonic(), ""
    while time.monotonic() - start < seconds:
        try:
            if condition():
                took = time.monotonic() - start
                print(f"# {name}: {took:.3f} s")
                ok(name, True)
                return took
        except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as e:
            why = e
        time.sleep(0.02)
    return ok(name, False, f"not within {seconds} s {why}")


def follows(name, condition):
    """A change is followed.  How soon, promptly() judges of all of them: a
    single one may be late where the processors are busy with others."""
    took = within(name, SOON_S, condition)
    if took:
        followed.append(took)


def promptly():
    """Most of the changes were followed within a second."""
    print(f"# followed after {min(followed):.3f} to {max(followed):.3f} s, "
          f"median {statistics.median(followed):.3f} s")
    ok("changes are followed within a second", statistics.median(followed) <= 1, followed)


def skip_all(why):
    if os.environ.get("TESTS_NO_SKIP"):
        print(f"1..1\nnot ok 1 - {os.path.basename(sys.argv[0])}: {why} (and may not be skipped)")
        sys.exit(1)
    print(f"1..0 # SKIP {why}")
    sys.exit(0)


def isolate(*programs):
    """Runs the script anew where its network and its /run are its own, once the
    programs of Kubernetes that it needs are built."""
    if os.environ.get("CLUSTER_ISOLATED"):
        subprocess.run("ip link set lo up && ip addr add 10.2.0.0/16 dev lo && "
                       "mount -t tmpfs tmpfs /run", shell=True, check=True)
        os.makedirs(SERVICE_ACCOUNT, exist_ok=True)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        return
    if os.geteuid() != 0:
        skip_all("needs root")
    for program in ("etcd", "openssl", "nft", "ip", "ss", "unshare"):
        if not shutil.which(program):
            skip_all(f"needs {program}")
    if os.path.realpath("/var/run") != "/run":
        skip_all("needs /var/run to be /run")
    built = subprocess.run(["bash", f"{SOURCE}/tests/e2e/build-cluster.sh", PROGRAMS, *programs],
                           stdout=subprocess.PIPE, text=True)
    if built.returncode == 77:
        skip_all(built.stdout.strip())
    if built.returncode != 0:
        skip_all(f"{' '.join(programs)} cannot be built here")
    os.environ["CLUSTER_ISOLATED"] = "1"
    # All it starts ends with it, however it ends.  sh stays process 1, so that
    # orphans are somebody's.
    os.execvp("unshare", ["unshare", "--net", "--mount", "--propagation", "private",
                          "--pid", "--fork", "--kill-child", "--mount-proc",
                          "sh", "-c", '"$@"; exit $?', "sh", sys.executable] + sys.argv)


class Cluster:
    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="kubenurse-e2e.")
        self.processes = {}
        self.context = ssl._create_unverified_context()
        self.nodes = 0

    # --------------------------------------------------------------- processes

    def spawn(self, name, command, **options):
        log = open(f"{self.dir}/{name}.log", "ab")
        self.processes[name] = subprocess.Popen(
            command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, **options)
        return self.processes[name]

    def end(self, name, how=signal.SIGTERM):
        process = self.processes.pop(name)
        process.send_signal(how)
        try:
            return process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def log(self, name):
        with open(f"{self.dir}/{name}.log", errors="replace") as f:
            return f.read()

    def close(self):
        doctors = [p for name, p in self.processes.items()
                   if name not in ("etcd", "apiserver")]
        for process in doctors:
            process.terminate()
        for name in list(self.processes)[::-1]:
            self.end(name)
        if failed:
            for name in ("doctor",):
                if os.path.exists(f"{self.dir}/{name}.log"):
                    for line in self.log(name).splitlines()[-40:]:
                        print(f"# {name}: {line}")
        shutil.rmtree(self.dir, ignore_errors=True)

    # --------------------------------------------------------------- the server

    def make_keys(self):
        script = """
openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=ca -keyout ca.key -out ca.crt
openssl req -newkey rsa:2048 -nodes -subj /CN=kube-apiserver -keyout s.key -out s.csr
printf 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1,IP:10.3.0.1\\n' > ext
openssl x509 -req -in s.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 30 -extfile ext -out s.crt
openssl genrsa -out sa.key 2048
openssl rsa -in sa.key -pubout -out sa.pub
echo 'admintoken,admin,admin,system:masters' > tokens.csv
"""
        subprocess.run(script, shell=True, check=True, cwd=self.dir, stderr=subprocess.DEVNULL)
        shutil.copy(f"{self.dir}/ca.crt", f"{SERVICE_ACCOUNT}/ca.crt")

    def start_etcd(self):
        self.spawn("etcd", ["etcd", "--data-dir", f"{self.dir}/etcd",
                            "--listen-client-urls", "http://127.0.0.1:2379",
                            "--advertise-client-urls", "http://127.0.0.1:2379",
                            "--listen-peer-urls", "http://127.0.0.1:2380"])

    def etcd(self, what, body):
        """etcd's own API, by its JSON gateway."""
        request = urllib.request.Request(f"http://127.0.0.1:2379/v3/{what}",
                                         json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def start_server(self):
        """Ready when this returns."""
        d = self.dir
        self.spawn("apiserver", [
            f"{PROGRAMS}/kube-apiserver", "--etcd-servers=http://127.0.0.1:2379",
            f"--secure-port={PORT}", "--bind-address=0.0.0.0", "--advertise-address=127.0.0.1",
            f"--tls-cert-file={d}/s.crt", f"--tls-private-key-file={d}/s.key",
            f"--client-ca-file={d}/ca.crt", "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={d}/sa.pub",
            f"--service-account-signing-key-file={d}/sa.key",
            f"--token-auth-file={d}/tokens.csv", "--authorization-mode=RBAC",
            "--service-cluster-ip-range=10.96.0.0/16",
            "--disable-admission-plugins=ServiceAccount,NodeRestriction"])
        end = time.monotonic() + 180
        while time.monotonic() < end and self.processes["apiserver"].poll() is None:
            try:
                if self.ask("GET", "/readyz") == (200, b"ok"):
                    return
            except (OSError, http.client.HTTPException):
                pass
            time.sleep(0.2)
        raise SystemExit("the API server did not start\n" + self.log("apiserver")[-2000:])

    def ask(self, method, path, body=None):
        """(status, answer)"""
        connection = http.client.HTTPSConnection(ADMIN, PORT, context=self.context, timeout=30)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None,
                               {"Authorization": "Bearer admintoken", "Content-Type": kind})
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def api(self, method, path, body=None):
        """What the server says, once it is not too busy.  What is there already,
        or is gone already, is well."""
        end = time.monotonic() + 60
        while True:
            try:
                code, data = self.ask(method, path, body)
                if code < 400 or code == 404 or (code == 409 and method != "PATCH"):
                    return json.loads(data)
                why = f"{code} {data[:300]}"
                busy = code in (409, 429) or code >= 500
            except (OSError, http.client.HTTPException) as e:
                why, busy = repr(e), True
            if not busy or time.monotonic() > end:
                raise OSError(f"{method} {path}: {why}")
            time.sleep(0.2)

    # ------------------------------------------------------------ what is in it

    def allow(self, nodes=True, pods=True):
        """The rights that k8s/ gives, or less."""
        for what, rules, scope in (
                ("pods", pods, "namespaces/kubenurse/roles"), ("nodes", nodes, "clusterroles")):
            path = f"/apis/rbac.authorization.k8s.io/v1/{scope}"
            rule = [{"apiGroups": [""], "resources": [what],
                     "verbs": ["list", "watch"]}] if rules else []
            kind = "Role" if what == "pods" else "ClusterRole"
            self.api("POST", path, {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind,
                                    "metadata": {"name": "kubenurse"}, "rules": rule})
            self.api("PATCH", f"{path}/kubenurse", {"rules": rule or None})
            self.api("POST", path.replace("roles", "rolebindings"), {
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": f"{kind}Binding",
                "metadata": {"name": "kubenurse"},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind,
                            "name": "kubenurse"},
                "subjects": [{"kind": "ServiceAccount", "name": "kubenurse",
                              "namespace": "kubenurse"}]})

    def write_token(self, text=None):
        if text is None:
            answer = self.api(
                "POST", "/api/v1/namespaces/kubenurse/serviceaccounts/kubenurse/token",
                {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}})
            text = answer["status"]["token"]
        with open(f"{SERVICE_ACCOUNT}/token.new", "w") as f:
            f.write(text + "\n")
        os.rename(f"{SERVICE_ACCOUNT}/token.new", f"{SERVICE_ACCOUNT}/token")

    def populate(self, count):
        self.api("POST", "/api/v1/namespaces", {"metadata": {"name": "kubenurse"}})
        self.api("POST", "/api/v1/namespaces/kubenurse/serviceaccounts",
                 {"metadata": {"name": "kubenurse"}})
        for i in range(self.nodes, count):
            self.api("POST", "/api/v1/nodes", {"metadata": {"name": node(i)}})
            self.add_pod(pod(i), node(i), ip(i))
        self.nodes = max(self.nodes, count)

    def add_pod(self, name, node_name, address, ready=True):
        self.api("POST", PODS, {
            "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "kubenurse"}},
            "spec": {"nodeName": node_name, "containers": [
                {"name": "kubenurse", "image": "kubenurse",
                 "env": [{"name": f"KUBENURSE_{i}", "value": "true"} for i in range(12)]}]}})
        self.set_pod(name, address, ready)

    def set_pod(self, name, address, ready=True, phase="Running"):
        self.api("PATCH", f"{PODS}/{name}/status", {"status": {
            "phase": phase, "podIP": address, "podIPs": [{"ip": address}],
            "hostIP": "10.1.0.1",
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "containerStatuses": [{
                "name": "kubenurse", "ready": ready, "restartCount": 0, "image": "kubenurse",
                "imageID": "", "started": True,
                "state": {"running": {"startedAt": "2024-01-01T00:00:00Z"}}}]}})

    def cordon(self, name, cordoned=True):
        self.api("PATCH", f"/api/v1/nodes/{name}",
                 {"spec": {"unschedulable": True if cordoned else None}})

    # --------------------------------------------------------------- the doctor

    def start_doctor(self, name="doctor", port=8080, netns=None, **variables):
        environment = {
            "PATH": os.environ["PATH"], "KUBERNETES_SERVICE_HOST": "127.0.0.1",
            "KUBERNETES_SERVICE_PORT": str(PORT), "KUBENURSE_NAMESPACE": "kubenurse",
            "KUBENURSE_POD_NAME": pod(0), "KUBENURSE_NODE_NAME": node(0),
            "KUBENURSE_LISTEN": f"0.0.0.0:{port}", "KUBENURSE_CHECK_INTERVAL": "500ms",
            "KUBENURSE_SHUTDOWN_DURATION": "0s", "KUBENURSE_CHECK_API_SERVER_DNS": "false",
            **variables}
        enter = ["nsenter", f"--net=/run/netns/{netns}"] if netns else []
        return self.spawn(name, enter + [f"{BUILD}/kubenurse"], env=environment)

    def cut(self):
        """Whoever asks by 127.0.0.1 loses the connection and gets no new one."""
        subprocess.run("nft add table ip cut; nft add chain ip cut out "
                       "'{ type filter hook output priority 0; }';"
                       f"nft add rule ip cut out ip daddr 127.0.0.1 tcp dport {PORT} reject with tcp reset;"
                       f"nft add rule ip cut out ip saddr 127.0.0.1 tcp sport {PORT} drop;"
                       f"ss -K dst 127.0.0.1 dport = {PORT}",
                       shell=True, check=True, capture_output=True)

    def mend(self):
        subprocess.run("nft delete table ip cut", shell=True, check=True)


PODS = "/api/v1/namespaces/kubenurse/pods"


def node(i):
    return f"node-{i:04d}"


def pod(i):
    return f"kubenurse-{i:04d}"


def ip(i):
    return f"10.2.{i >> 8}.{i & 255}"


def get(path, port=8080, host="127.0.0.1"):
    with urllib.request.urlopen(f"http://{host}:{port}{path}", timeout=10) as answer:
        return answer.read().decode()


def ring(names, own, limit=10):
    """Whom the node checks, as the contract has it."""
    def place(name):
        return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return set(sorted((n for n in names if n != own),
                      key=lambda n: (place(n) - place(own)) % 2**64)[:limit])


def status(path, port=8080):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status
    except urllib.error.HTTPError as e:
        return e.code


def results(port=8080):
    return json.loads(get("/alive", port))["last_check_result"]


def paths(port=8080):
    """By node: what the check of its neighbour said."""
    return {k[len("path_"):]: v for k, v in results(port).items() if k.startswith("path_")}


def metric(name, port=8080, host="127.0.0.1"):
    """The sum of the series whose name, with labels, begins so; None: there is none."""
    values = [float(line.rsplit(" ", 1)[1]) for line in get("/metrics", port, host).splitlines()
              if line.startswith(name)]
    return sum(values) if values else None


def done():
    print(f"1..{number}")
    sys.exit(1 if failed else 0)
