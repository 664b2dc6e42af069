#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real API server accepts all of k8s/, with the strictest Pod Security, and
with just these rights the doctor finds its neighbours."""
import os
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cluster as c
from cluster import is_, ok, within, metric, paths

c.isolate("kube-apiserver", "kubectl")
k = c.Cluster()
OVERLAY = """resources: [k8s/base]
components: [k8s/components/allow-unschedulable]
images: [{name: kubenurse, newName: localhost/kubenurse, newTag: "2"}]
"""


def kubectl(*arguments):
    return subprocess.run(
        [f"{c.PROGRAMS}/kubectl", f"--server=https://{c.ADMIN}:{c.PORT}", "--token=admintoken",
         "--insecure-skip-tls-verify", *arguments], capture_output=True, text=True)


def accepts(name, folder):
    answer = kubectl("apply", "--dry-run=server", "-k", folder)
    ok(f"the server accepts {name}", answer.returncode == 0, answer.stderr)
    ok(f"{name}: no word about Pod Security", "PodSecurity" not in answer.stderr, answer.stderr)
    return answer.stdout


def manifests():
    kubectl("create", "namespace", "kubenurse")
    kubectl("label", "namespace", "kubenurse", "pod-security.kubernetes.io/enforce=restricted",
            "pod-security.kubernetes.io/warn=restricted")
    said = accepts("the base", f"{c.SOURCE}/k8s/base")
    ok("the base has a DaemonSet", "daemonset.apps/kubenurse created" in said, said)
    os.mkdir(f"{k.dir}/overlay")
    os.symlink(f"{c.SOURCE}/k8s", f"{k.dir}/overlay/k8s")
    with open(f"{k.dir}/overlay/kustomization.yaml", "w") as f:
        f.write(OVERLAY)
    subprocess.run(["cp", "-rL", f"{k.dir}/overlay", f"{k.dir}/copy"], check=True)
    said = accepts("the component allow-unschedulable", f"{k.dir}/copy")
    ok("it asks for no right to nodes", "clusterrole" not in said, said)
    kubectl("label", "namespace", "kubenurse", "pod-security.kubernetes.io/enforce-")


def rights():
    kubectl("apply", "-f", f"{c.SOURCE}/k8s/base/serviceaccount.yaml", "-n", "kubenurse")
    answer = kubectl("apply", "-f", f"{c.SOURCE}/k8s/base/rbac.yaml", "-n", "kubenurse")
    ok("the rights are given", answer.returncode == 0, answer.stderr)
    k.populate(5)
    k.write_token()
    k.start_doctor()
    within("with them the doctor finds its neighbours", c.SOON_S, lambda: len(paths()) == 4)
    k.cordon(c.node(2))
    within("and a cordon", c.SOON_S, lambda: len(paths()) == 3)
    is_("nothing more is needed", metric("kubenurse_discovery_errors_total"), None)


try:
    k.make_keys()
    k.start_etcd()
    k.start_server()
    manifests()
    rights()
finally:
    k.close()
c.done()
