#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The kustomize base on a real Kubernetes of three nodes, with an image made
from the build: what it shows while all is well, while pods and nodes come and
go, and while a node is in trouble."""
import os
import sys
import threading

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from nodes import *  # noqa: E402,F403
import image  # noqa: E402

need("containerd", "runc", "ctr", "etcd", "nft", "nginx", "openssl", "gcc",
     "conntrack", "strip", "sysctl")
guarded("kube-apiserver", "kubectl", "kube-controller-manager",
        "kube-scheduler", "kubelet", "kube-proxy", "coredns")
enter()

LONG_S = 180  # for what a loaded machine and many programs need
EVERYWHERE = ("api_server_direct", "api_server_dns", "me_ingress", "me_service")
NAMESPACE = "/api/v1/namespaces/kubenurse"
LANDLOCK_CREATE_RULESET, LANDLOCK_VERSION = 444, 1


def errors_in(metrics):
    """What a doctor has counted against anyone, or lost."""
    return {series: int(value) for series, value in metrics.select(
        "kubenurse_(errors_total|samples_lost_total).*").items() if value}


def ended(metrics, name):
    """How many checks of a type have ended; each is one request here."""
    return metrics.total("kubenurse_httpclient_requests_total"
                         f'{{type="{name}",.*}}')


class Observers(threading.Thread):
    """Keeps what each pod, also one that has gone, has counted until its end,
    beside what those that are there now have counted before."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.running, self.rounds = {}, True, 0
        self.before = {pod.name: errors_in(pod.metrics())
                       for pod in k.found.values()}
        self.start()

    def run(self):
        while self.running:
            try:
                found = pods()
            except (OSError, http.client.HTTPException):
                continue  # the server is busy
            for pod in found:
                try:
                    self.seen[pod.name] = errors_in(pod.metrics())
                except OSError:
                    pass  # not up yet, or over
            self.rounds += 1
            threading.Event().wait(0.1)

    def finish(self):
        """Once every pod has been looked at again."""
        until = self.rounds + 2
        wait(lambda: self.rounds >= until, LONG_S)
        self.running = False
        self.join()
        return {name: found for name, found in self.seen.items()
                if found != self.before.get(name, {})}


class Pod:
    def __init__(self, found):
        self.name = found["metadata"]["name"]
        self.ending = "deletionTimestamp" in found["metadata"]
        self.node = found["spec"].get("nodeName")
        self.image = found["spec"]["containers"][0]["image"]
        self.address = found["status"].get("podIP")
        self.ready = any(
            one["type"] == "Ready" and one["status"] == "True"
            for one in found["status"].get("conditions", []))

    def ask(self, path):
        """(status, body); from its own node, which may be cut off."""
        said = subprocess.run(
            inside(self.node) + [
                "curl", "-s", "--connect-timeout", "3", "-m", "10", "-w",
                "%{http_code}", f"http://{self.address}:8080{path}"],
            capture_output=True, text=True)
        if said.returncode:
            raise OSError(f"{self.name}: curl {said.returncode}")
        return int(said.stdout[-3:]), said.stdout[:-3]

    def get(self, path):
        status, body = self.ask(path)
        if status != 200:
            raise OSError(f"{self.name}: {path} says {status}")
        return body

    def metrics(self):
        return Metrics(self.get("/metrics"))

    def results(self):
        return json.loads(self.get("/alive"))["last_check_result"]

    def paths(self):
        """By node: what the check of the neighbour there says."""
        return {name.removeprefix("path_"): said
                for name, said in self.results().items()
                if name.startswith("path_")}

    def more_checks(self, types, count):
        """Waits until it has ended so many more of each."""
        before = self.metrics()

        def there():
            now = self.metrics()
            return all(ended(now, name) >= ended(before, name) + count
                       for name in types)
        return wait(there, LONG_S)


def pods():
    """All that have an address, the ending ones too."""
    found = [Pod(one) for one in k.get(f"{NAMESPACE}/pods")["items"]]
    return [pod for pod in found if pod.address]


def by_node():
    """Of each node the pod that stays, once each has one that is Ready."""
    def settled():
        found = {pod.node: pod for pod in pods()
                 if pod.ready and not pod.ending}
        return len(found) == len(pods()) == len(k.nodes) and found
    return wait(settled, LONG_S)


def others(node):
    return {name for name in k.nodes if name != node}


def all_well(found):
    """Every doctor shows both others and all else as ok."""
    for node, pod in found.items():
        types = set(EVERYWHERE) | {f"path_{name}" for name in others(node)}
        if checked(pod) != dict.fromkeys(types, "ok"):
            return False
    return True


def checked(pod):
    """What it says of each check type."""
    return {name: said for name, said in pod.results().items()
            if name in EVERYWHERE or name.startswith("path_")}


def endpoint_ready(node):
    """Whether the service still sends to this node's pod."""
    slices = k.get("/apis/discovery.k8s.io/v1/namespaces/kubenurse/"
                   "endpointslices?labelSelector=kubernetes.io/"
                   "service-name%3Dkubenurse")["items"]
    return any(one.get("nodeName") == node and one["conditions"]["ready"]
               for found in slices for one in found["endpoints"] or [])



def sends_to(node, address):
    """Whether kube-proxy on this node still lets the service send there."""
    rules = subprocess.run(inside(node) + ["nft", "list ruleset"], check=True,
                           capture_output=True, text=True).stdout
    return any("numgen" in line and f"__{address}/" in line
               for line in rules.splitlines())

# ------------------------------------------------------------------ beginnings


def make_images():
    """The doctor in two versions, and what keeps a pod's namespaces."""
    replace("pause.c", "#include <unistd.h>\n"
            "int main(void) { for (;;) pause(); }\n")
    run("gcc", "-static", "-Os", "-s", "-o", "pause", "pause.c")
    with open("pause", "rb") as file:
        image.write("pause.tar", ["localhost/pause:1"],
                    {"/pause": file.read()}, ["/pause"])
    size = image.write("kubenurse.tar",
                       ["localhost/kubenurse:1", "localhost/kubenurse:2"],
                       image.kubenurse_files(BUILD), ["/usr/bin/kubenurse"])
    print(f"# the image is {size / 2 ** 20:.1f} MiB unpacked")
    return ["pause.tar", "kubenurse.tar"]


def install():
    """The base, with an image, an ingress, and checks as often as may be.  Who
    ends serves on until every kube-proxy has heard of it: on a busy machine
    that takes longer than elsewhere."""
    shutil.copytree(f"{SOURCE}/k8s/base", "overlay/base")
    with open("overlay/base/kubenurse.ini", encoding="utf-8") as file:
        ini = file.read()
    replace("overlay/kubenurse.ini", ini.replace(
        "check_interval = 5s",
        "check_interval = 1s\nshutdown_duration = 10s").replace(
        "; ingress_url = https://", "ingress_url = http://"))
    replace("overlay/kustomization.yaml", json.dumps({
        "resources": ["base"],
        "images": [{"name": "kubenurse", "newName": "localhost/kubenurse",
                    "newTag": "1"}],
        "generatorOptions": {"disableNameSuffixHash": True},
        "configMapGenerator": [{
            "name": "kubenurse", "namespace": "kubenurse",
            "behavior": "replace", "files": ["kubenurse.ini"]}]}))
    answer = k.kubectl("apply", "-k", "overlay")
    ok(answer.returncode == 0 and "PodSecurity" not in answer.stderr,
       "k8s/: the server takes the base", answer.stderr)
    start_ingress()
    found = by_node()
    if not ok(found, "k8s/: a doctor is Ready on every node",
              k.kubectl("describe", "pods", "-n", "kubenurse").stdout[-4000:]):
        done()
    return found


def start_ingress():
    """A plain reverse proxy on the first node, by the service's address."""
    service = k.get(f"{NAMESPACE}/services/kubenurse")["spec"]["clusterIP"]
    replace("nginx.conf", f"""daemon off;
pid {WORK}/nginx.pid;
error_log stderr;
events {{}}
http {{
	access_log {WORK}/ingress.log;
	client_body_temp_path {WORK}/nginx-body;
	proxy_temp_path {WORK}/nginx-proxy;
	fastcgi_temp_path {WORK}/nginx-fastcgi;
	scgi_temp_path {WORK}/nginx-scgi;
	uwsgi_temp_path {WORK}/nginx-uwsgi;
	server {{
		listen {address(k.nodes[0])}:80;
		server_name kubenurse.example.com;
		location / {{ proxy_pass http://{service}:8080; }}
	}}
}}
""")
    Process("ingress", *inside(k.nodes[0]), "nginx", "-c", f"{WORK}/nginx.conf")

# ----------------------------------------------------------------- what is true


def everything_is_checked():
    wait_ok(lambda: all_well(k.found), "every check type is ok on every node",
            LONG_S)
    # The first of all came before the service had anyone to send to.
    watch = Observers()
    for node, pod in k.found.items():
        types = list(EVERYWHERE) + [f"path_{name}" for name in others(node)]
        ok(pod.more_checks(types, 5), f"{node}: each goes on being checked")
        metrics = pod.metrics()
        ok(metrics.total('kubenurse_dns_query_duration_seconds_count{type='
                         f'"api_server_dns",nameserver="{DNS}:53"}}') > 0,
           f"{node}: the API server's name, by the cluster's DNS")
        # whom the first pods of all have been replaced by, if they were
        wait_ok(lambda: pod.metrics().number(
            "kubenurse_neighbourhood_incoming_checks") == 2,
            f"{node}: both others check it", LONG_S)
        rules = subprocess.run(inside(node) + ["nft", "list ruleset"],
                               capture_output=True, text=True).stdout
        ok("kubenurse/kubenurse/tcp/http" in rules and
           sends_to(node, pod.address),
           f"{node}: the service's address is kube-proxy's")
    with open("ingress.log", encoding="utf-8") as file:
        log = file.read()
    ok(all(f"{pod.address} " in log for pod in k.found.values()),
       "every node comes through the ingress", log[-2000:])
    equal(watch.finish(), {}, "no error anywhere, and nothing lost")


def landlock():
    """Whether the kernel has it."""
    return ctypes.CDLL(None).syscall(
        LANDLOCK_CREATE_RULESET, None, 0, LANDLOCK_VERSION) > 0


def locked_in():
    namespace = k.get(NAMESPACE)["metadata"]["labels"]
    equal(namespace["pod-security.kubernetes.io/enforce"], "restricted",
          "k8s/: the namespace enforces restricted Pod Security")
    status, said = k.api("POST", f"{NAMESPACE}/pods", {
        "metadata": {"name": "free"}, "spec": {"containers": [
            {"name": "free", "image": "localhost/kubenurse:1"}]}})
    ok(status == 403 and "restricted" in said["message"],
       "k8s/: which refuses a pod that asks for less", said)
    processes = [pid for pid in map(int, filter(str.isdigit,
                                                os.listdir("/proc")))
                 if is_doctor(pid)]
    ok(len(processes) >= 6 * len(k.nodes), "all processes of all doctors run",
       processes)
    facts = {pid: status_of(pid) for pid in processes}
    equal({(one["Uid"].split()[0], one["CapBnd"], one["CapEff"],
            one["NoNewPrivs"], one["Seccomp"]) for one in facts.values()},
          {("48080", "0" * 16, "0" * 16, "1", "2")},
          "each is a user of its own, without capabilities, and filtered by the runtime")
    equal({root_options(pid) for pid in processes}, {"ro"},
          "each has a root that is read-only")
    wanted = 2 if landlock() else 1
    levels = {int(level) for pod in k.found.values() for level in
              pod.metrics().select("kubenurse_worker_sandbox_level.*").values()}
    equal(levels, {wanted},
          f"RuntimeDefault seccomp allows a sandbox of level {wanted}")


def is_doctor(pid):
    try:
        return title(pid).startswith(("kubenurse: ", "/usr/bin/kubenurse"))
    except FileNotFoundError:
        return False


def status_of(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return dict(line.rstrip().replace("\t", " ").split(": ", 1)
                    for line in file if ": " in line.replace("\t", " "))


def root_options(pid):
    with open(f"/proc/{pid}/mountinfo", encoding="utf-8") as file:
        return next(line.split()[5].split(",")[0] for line in file
                    if line.split()[4] == "/")


def rollout():
    watch = Observers()
    answer = k.kubectl("-n", "kubenurse", "set", "image", "ds/kubenurse",
                       "kubenurse=localhost/kubenurse:2")
    ok(answer.returncode == 0, "a new version is rolled out", answer.stderr)
    answer = k.kubectl("-n", "kubenurse", "rollout", "status", "ds/kubenurse",
                       f"--timeout={LONG_S}s")
    ok(answer.returncode == 0, "on all nodes", answer.stderr)
    old, k.found = k.found, by_node()
    equal({pod.image for pod in k.found.values()}, {"localhost/kubenurse:2"},
          "every doctor is the new one")
    wait_ok(lambda: all_well(k.found), "all is checked, and well", LONG_S)
    for node, pod in k.found.items():
        pod.more_checks([f"path_{name}" for name in others(node)], 3)
    found = watch.finish()
    ok({pod.name for pod in old.values()} <= set(watch.seen),
       "the old ones were watched until their end")
    equal(found, {}, "no doctor, old or new, has counted an error")


def deleted_pod():
    node = k.nodes[1]
    watch, gone = Observers(), k.found[node]
    k.api("DELETE", f"{NAMESPACE}/pods/{gone.name}")
    wait_ok(lambda: all(node not in k.found[name].paths()
                        for name in others(node)),
            "a deleted pod: nobody checks it", LONG_S)
    k.found = by_node()
    ok(k.found[node].name != gone.name, "another takes its place")
    wait_ok(lambda: all_well(k.found), "and is checked", LONG_S)
    equal(watch.finish(), {}, "without an error anywhere")


def cordon():
    node = k.nodes[1]
    watch = Observers()
    k.cordon(node)
    wait_ok(lambda: k.found[node].ask("/ready")[0] == 503,
            "a cordon: /ready of that node says 503", LONG_S)
    wait_ok(lambda: all(set(k.found[name].paths()) == others(name) - {node}
                        for name in others(node)),
            "the others no longer check it", LONG_S)
    equal(set(k.found[node].paths()), others(node), "it checks them as before")
    equal([k.found[name].ask("/ready")[0] for name in others(node)],
          [200, 200], "their /ready knows nothing of it")
    wait_ok(lambda: not endpoint_ready(node),
            "the service sends nobody there", LONG_S)
    k.cordon(node, False)
    wait_ok(lambda: k.found[node].ask("/ready")[0] == 200,
            "uncordoned: /ready says 200", LONG_S)
    wait_ok(lambda: all_well(k.found) and by_node(), "and all is as before",
            LONG_S)
    equal(watch.finish(), {}, "without an error anywhere")


def silent_kubelet():
    node = k.nodes[1]
    watch = Observers()
    k.stop_kubelet(node)
    wait_ok(lambda: not k.node_ready(node),
            "a kubelet that is stopped: the node is not ready", LONG_S)
    wait_ok(lambda: not endpoint_ready(node),
            "the service sends nobody there", LONG_S)
    for name in others(node):
        ok(k.found[name].more_checks([f"path_{node}"], 5),
           f"{name}: goes on checking it, for its network is well")
    ok(all_well(k.found), "everything is ok, on it as well",
       [pod.results() for pod in k.found.values()])
    k.start_kubelet(node)
    wait_ok(lambda: k.node_ready(node) and by_node() and all_well(k.found),
            "the kubelet is back: all is as before", LONG_S)
    equal(watch.finish(), {}, "without an error anywhere")


def ok_checks(metrics, name):
    return metrics.number("kubenurse_httpclient_requests_total"
                          f'{{type="{name}",code="200"}}')


def failing(before, pod):
    """The types that have failed since."""
    now = errors_in(pod.metrics())
    return {re.search('type="([^"]*)"', series)[1] for series in now
            if now[series] > before.get(series, 0)}


def cut_off():
    node = k.nodes[2]
    path = f"path_{node}"
    start = {name: errors_in(k.found[name].metrics()) for name in others(node)}
    k.cut_off(node)
    wait_ok(lambda: all(k.found[name].results().get(path) not in (None, "ok")
                        for name in others(node)),
            "a node that is cut off: each of its observers shows it", LONG_S)
    shown = {name: k.found[name].results()[path] for name in others(node)}
    print(f"# {shown}")
    wait_ok(lambda: "ok" not in checked(k.found[node]).values(),
            "on it, nothing is ok", LONG_S)
    # Of three addresses the service has one that is dead, until it knows.
    shared = {"me_service", "me_ingress"}
    for name in others(node):
        wrong = failing(start[name], k.found[name])
        ok({path} <= wrong <= {path} | shared,
           f"{name}: nothing else does, but what the service sent there", wrong)
    wait_ok(lambda: not endpoint_ready(node),
            "Kubernetes notices: the service sends nobody there", LONG_S)
    wait_ok(lambda: not any(sends_to(name, k.found[node].address)
                            for name in others(node)),
            "nor does kube-proxy, once it has heard", LONG_S)
    wait_ok(lambda: all(k.found[name].results()[one] == "ok" for name in
                        others(node) for one in EVERYWHERE),
            "and its checks are ok again", LONG_S)
    still_cut_off(node, path)
    k.mend(node)
    wait_ok(lambda: all_well(k.found), "it is back: all is as before", LONG_S)
    ok(by_node(), "and Ready")


def still_cut_off(node, path):
    for name in others(node):  # what was under way ends
        k.found[name].more_checks(EVERYWHERE, 8)
    before = {name: k.found[name].metrics() for name in others(node)}
    wait(lambda: all(ended(k.found[name].metrics(), path) >=
                     ended(before[name], path) + 2 for name in others(node)),
         LONG_S)
    for name in others(node):
        equal(failing(errors_in(before[name]), k.found[name]), {path},
              f"{name}: only the way to that node is an error, for as long")
        equal(ok_checks(k.found[name].metrics(), path),
              ok_checks(before[name], path), f"{name}: and always is")


began = time.monotonic()
k = Kubernetes(3, make_images())
k.found = install()
for part in (everything_is_checked, locked_in, rollout, deleted_pod, cordon,
             silent_kubelet, cut_off):
    print(f"# {part.__name__}: after {time.monotonic() - began:.0f} s",
          flush=True)
    part()
print(f"# all of it: {time.monotonic() - began:.0f} s")
done()
