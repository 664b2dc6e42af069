#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""image.py OUT.tar NAME:TAG [BUILD]: a container image of what was built in
BUILD, without a builder and without a registry: both programs, the shared
libraries that they need, as this machine has them, and its CA certificates.
It can be loaded by `docker load` or `ctr images import`; the same input gives
the same bytes.  Prints how large it is unpacked."""
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile
import tempfile

PROGRAMS = ("kubenurse", "kubenurse-worker")
CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
USER = 48080  # nobody else's; as in k8s/base
PASSWD = f"""root:x:0:0:root:/:/sbin/nologin
kubenurse:x:{USER}:{USER}:kubenurse:/:/sbin/nologin
""".encode()
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def libraries(program):
    """Where the loader finds what it will load, itself included."""
    said = subprocess.run(["ldd", program], check=True, capture_output=True,
                          text=True).stdout
    return set(re.findall(r"(/\S+) \(0x", said))


def stripped(path):
    with tempfile.NamedTemporaryFile() as copy:
        subprocess.run(["strip", "-o", copy.name, path], check=True)
        with open(copy.name, "rb") as file:
            return file.read()


def kubenurse_files(build):
    """By path in the image: what stands there."""
    files = {"/etc/passwd": PASSWD}
    found = set()
    for program in PROGRAMS:
        path = os.path.join(build, program)
        files[f"/usr/bin/{program}"] = stripped(path)
        found |= libraries(path)
    for path in sorted(found) + [CERTIFICATES]:
        with open(path, "rb") as file:
            files[path] = file.read()
    return files


def _add(archive, name, data=None):
    """A file, or without data a directory, of no time and of root.  As after
    `make install`, nobody else may read the programs."""
    entry = tarfile.TarInfo(name)
    entry.mode = 0o711 if os.path.basename(name) in PROGRAMS else 0o755
    if data is None:
        entry.type = tarfile.DIRTYPE
        archive.addfile(entry)
        return
    entry.size = len(data)
    archive.addfile(entry, io.BytesIO(data))


def _layer(files):
    buffer = io.BytesIO()
    folders = set()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(files):
            parts = path.strip("/").split("/")
            for i in range(1, len(parts)):
                folder = "/".join(parts[:i])
                if folder not in folders:
                    folders.add(folder)
                    _add(archive, folder)
            _add(archive, path.strip("/"), files[path])
    return buffer.getvalue()


def write(out, names, files, entrypoint):
    """One image under several names; returns its size unpacked, in bytes."""
    layer = _layer(files)
    digest = hashlib.sha256(layer).hexdigest()
    machine = platform.machine()
    config = json.dumps({
        "architecture": ARCHITECTURES.get(machine, machine), "os": "linux",
        "config": {"Entrypoint": entrypoint, "User": f"{USER}:{USER}"},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
    }).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    manifest = json.dumps([{"Config": config_name, "RepoTags": names,
                            "Layers": [f"{digest}/layer.tar"]}]).encode()
    with tarfile.open(out, "w") as archive:
        _add(archive, config_name, config)
        _add(archive, f"{digest}/layer.tar", layer)
        _add(archive, "manifest.json", manifest)
    return sum(len(data) for data in files.values())


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__.split(":")[0])
    build = sys.argv[3] if len(sys.argv) == 4 else os.getcwd()
    files = kubenurse_files(build)
    for path in sorted(files, key=lambda path: -len(files[path])):
        print(f"{len(files[path]):10d} {path}")
    size = write(sys.argv[1], [sys.argv[2]], files, ["/usr/bin/kubenurse"])
    print(f"{size:10d} bytes unpacked ({size / 2 ** 20:.1f} MiB)")


if __name__ == "__main__":
    main()
