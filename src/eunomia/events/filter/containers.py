"""Containers by name or id: from what their engines leave on disk and in the names of control groups.

No engine is asked to do anything; Docker's and Podman's sockets are read from where they are.

Source: the cgroup drivers of runc (`docker-ID.scope`, `cri-containerd-ID.scope`), Podman (`libpod-ID.scope`), CRI-O
(`crio-ID.scope`), LXC (`lxc.payload.NAME`), systemd-machined (`machine-NAME.scope`, `systemd-nspawn@NAME.service`).
"""

from __future__ import annotations

import json
import os

from eunomia.errors import EunomiaError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

_HEX = frozenset("0123456789abcdef")
_SHORTEST = 12  # of an id in a name of a control group; engines write 64, tools show 12
_PREFIXES = ("docker-", "cri-containerd-", "crio-", "libpod-payload-", "libpod-", "nerdctl-", "containerd-", "buildah-")
_MONITORS = ("libpod-conmon-", "crio-conmon-")
_NAMED = (("lxc.payload.", ""), ("machine-", ".scope"), ("systemd-nspawn@", ".service"))
SOCKETS = ("run/docker.sock", "var/run/docker.sock", "run/podman/podman.sock")


class NoSuchContainerError(EunomiaError):
    """There is no such container, or several."""


def find_container(text: str, hierarchy: str, root: str = "/") -> str:
    """Return the folder of a container's control group.

    Args:
        text: its name, its id, or the beginning of its id.
        hierarchy: the folder of cgroup2.
        root: of the file system that has the engines' files.

    Raises:
        NoSuchContainerError: there is none that runs, or several.
    """
    running = dict(groups(hierarchy))
    named: dict[str, set[str]] = {}
    searched = [f"control groups below {hierarchy}"]
    for place, pairs in known_names(root):
        searched.append(place)
        for name, identity in pairs:
            named.setdefault(name, set()).add(identity)
    matches = {key for key in running if key == text}
    matches = matches or {each for each in named.get(text.removeprefix("/"), ()) if each in running}
    if not matches and set(text) <= _HEX:
        matches = {key for key in running if set(key) <= _HEX and key.startswith(text)}
    if len(matches) > 1:
        several = ", ".join(sorted(key[:_SHORTEST] for key in matches)[:8])
        raise NoSuchContainerError(f"{text} may be several containers: {several} [give more of the id]")
    if matches:
        return running[matches.pop()]
    if text.removeprefix("/") in named:
        raise NoSuchContainerError(f"container {text} has no control group below {hierarchy} [does it run?]")
    raise NoSuchContainerError(f"no container {text} [searched: {', '.join(searched)}{_near(text, named, running)}]")


def _near(text: str, named: Iterable[str], running: Iterable[str]) -> str:
    from difflib import get_close_matches

    known = sorted({*named, *(key for key in running if len(key) < 64)})
    near = get_close_matches(text, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; there are {', '.join(known[:8])}" if known else ""


def groups(hierarchy: str) -> Iterator[tuple[str, str]]:
    """Yield (id or name, folder) of every container's control group; of those within each other the outermost."""
    seen = set()
    for path, folders, _ in os.walk(hierarchy):
        for folder in sorted(folders):
            key = container_of(folder)
            if key and key not in seen:
                seen.add(key)
                yield key, f"{path}/{folder}"


def container_of(folder: str) -> str:
    """Return the id or name of the container whose control group is called so, "" where it is none's."""
    if folder.startswith(_MONITORS):
        return ""
    for start, end in _NAMED:
        if folder.startswith(start) and folder.endswith(end) and len(folder) > len(start) + len(end):
            return unescaped(folder[len(start) : len(folder) - len(end)])
    bare = folder.removesuffix(".scope").rpartition(":")[2]  # `….slice:cri-containerd:ID` without systemd's driver
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix) if bare.startswith(prefix) else bare
    if bare == folder and len(bare) < 64:  # a folder that only looks like a number
        return ""
    return bare if len(bare) >= _SHORTEST and set(bare) <= _HEX else ""


def unescaped(name: str) -> str:
    """systemd writes `-` and others in a unit's name as \\x2d. Source: systemd.unit(5)."""
    parts = name.split("\\x")
    decoded = "".join(
        chr(int(part[:2], 16)) + part[2:] if set(part[:2]) <= _HEX and len(part) > 1 else f"\\x{part}"
        for part in parts[1:]
    )
    return parts[0] + decoded


def known_names(root: str) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yield (place, [(name, id)]) for every engine that has left something below root."""
    base = root.rstrip("/")
    docker = f"{base}/var/lib/docker/containers"
    if os.path.isdir(docker):
        yield docker, [*_docker(docker)]
    stores = [f"{base}/var/lib/containers/storage", f"{base}/run/containers/storage"]
    stores += [f"{home}/.local/share/containers/storage" for home in _homes(base)]
    for store in stores:
        for name in ("overlay-containers", "vfs-containers", "btrfs-containers"):
            for file in ("containers.json", "volatile-containers.json"):
                if os.path.isfile(f"{store}/{name}/{file}"):
                    yield f"{store}/{name}", [*_podman(f"{store}/{name}/{file}")]
    nerdctl = f"{base}/var/lib/nerdctl"
    if os.path.isdir(nerdctl):
        yield nerdctl, [*_nerdctl(nerdctl)]
    tasks = f"{base}/run/containerd/io.containerd.runtime.v2.task"
    if os.path.isdir(tasks):
        yield tasks, [*_containerd(tasks)]
    for socket in dict.fromkeys(os.path.realpath(f"{base}/{name}") for name in SOCKETS):
        pairs = _api(socket)
        if pairs is not None:
            yield socket, pairs


def _docker(folder: str) -> Iterator[tuple[str, str]]:
    for identity in _entries(folder):
        config = _read(f"{folder}/{identity}/config.v2.json")
        if isinstance(config, dict) and isinstance(config.get("Name"), str):
            yield config["Name"].removeprefix("/"), identity


def _podman(path: str) -> Iterator[tuple[str, str]]:
    listed = _read(path)
    for each in listed if isinstance(listed, list) else ():
        if isinstance(each, dict) and isinstance(each.get("id"), str):
            for name in each.get("names") or ():
                yield str(name), each["id"]


def _nerdctl(folder: str) -> Iterator[tuple[str, str]]:
    """/var/lib/nerdctl/ADDRESS/names/NAMESPACE/NAME holds the id."""
    for address in _entries(folder):
        for namespace in _entries(f"{folder}/{address}/names"):
            for name in _entries(f"{folder}/{address}/names/{namespace}"):
                try:
                    with open(f"{folder}/{address}/names/{namespace}/{name}") as file:
                        yield name, file.read(256).strip()
                except (OSError, ValueError):
                    continue


def _containerd(folder: str) -> Iterator[tuple[str, str]]:
    """The OCI configuration of each task: Kubernetes and nerdctl note the name in annotations."""
    for namespace in _entries(folder):
        for identity in _entries(f"{folder}/{namespace}"):
            config = _read(f"{folder}/{namespace}/{identity}/config.json")
            notes = config.get("annotations") if isinstance(config, dict) else None
            for key in ("nerdctl/name", "io.kubernetes.cri.container-name", "io.kubernetes.container.name"):
                if isinstance(notes, dict) and isinstance(notes.get(key), str):
                    yield notes[key], identity


def _api(path: str) -> list[tuple[str, str]] | None:
    """Ask GET /containers/json of Docker's API; None where nobody answers. Source: Docker Engine API, v1.24+."""
    if not os.path.exists(path):
        return None
    import socket
    from http.client import HTTPConnection, HTTPException

    connection = HTTPConnection("localhost", timeout=2)
    try:
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(2)
        connection.sock.connect(path)
        connection.request("GET", "/containers/json")
        listed = json.loads(connection.getresponse().read(16 << 20))
        return [(name.removeprefix("/"), each["Id"]) for each in listed for name in each.get("Names") or ()]
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return None
    finally:
        connection.close()


def _homes(base: str) -> list[str]:
    return [f"{base}/root", *(f"{base}/home/{name}" for name in _entries(f"{base}/home"))]


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read(path: str) -> Any:
    try:
        with open(path, "rb") as file:
            return json.loads(file.read(16 << 20))
    except (OSError, ValueError, RecursionError):
        return None
