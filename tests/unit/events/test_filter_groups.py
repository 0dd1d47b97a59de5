"""Control groups by path and containers by name or id, in folders made like those of the engines."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from eunomia.events.filter.containers import NoSuchContainerError, container_of, find_container, unescaped
from eunomia.events.filter.groups import NoSuchGroupError, find_group, mounts

WEB, DB, POD, TASK, CRIO = ("a1" * 32, "a2" * 32, "b3" * 32, "c4" * 32, "d5" * 32)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A cgroup2 hierarchy with a container of each engine."""
    root = tmp_path / "cgroup"
    for path in (
        f"system.slice/docker-{WEB}.scope/init",
        f"docker/{DB}",
        f"machine.slice/libpod-{POD}.scope/container",
        f"machine.slice/libpod-conmon-{POD}.scope",
        f"kubepods.slice/kubepods-pod1.slice/cri-containerd-{TASK}.scope",
        f"kubepods.slice/crio-{CRIO}.scope",
        f"kubepods.slice/crio-conmon-{CRIO}.scope",
        "lxc.payload.box",
        "machine.slice/machine-arch\\x2dlinux.scope",
        "machine.slice/systemd-nspawn@debian.service",
        "system.slice/ssh.service",
    ):
        (root / path).mkdir(parents=True)
    for folder in [root, *(path for path in root.rglob("*") if path.is_dir())]:
        (folder / "cgroup.procs").write_text("")
    return root


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root folder with what the engines keep on disk."""
    root = tmp_path / "root"
    files = {
        f"var/lib/docker/containers/{WEB}/config.v2.json": {"ID": WEB, "Name": "/web"},
        f"var/lib/docker/containers/{DB}/config.v2.json": {"ID": DB, "Name": "/db"},
        f"var/lib/docker/containers/{'ee' * 32}/config.v2.json": {"ID": "ee" * 32, "Name": "/stopped"},
        "var/lib/containers/storage/overlay-containers/containers.json": [{"id": POD, "names": ["pod"]}],
        f"run/containerd/io.containerd.runtime.v2.task/k8s.io/{TASK}/config.json": {
            "annotations": {"io.kubernetes.cri.container-name": "api"}
        },
    }
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True)
        (root / path).write_text(json.dumps(content))
    broken = root / "var/lib/docker/containers" / ("ff" * 32)
    broken.mkdir()
    (broken / "config.v2.json").write_text("{")
    names = root / "var/lib/nerdctl/1935db59/names/default"
    names.mkdir(parents=True)
    (names / "nerd").write_text(CRIO)
    return root


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ("web", f"system.slice/docker-{WEB}.scope"),
        ("/web", f"system.slice/docker-{WEB}.scope"),
        (WEB, f"system.slice/docker-{WEB}.scope"),
        (DB[:12], f"docker/{DB}"),
        ("b3", f"machine.slice/libpod-{POD}.scope"),
        ("pod", f"machine.slice/libpod-{POD}.scope"),
        ("api", f"kubepods.slice/kubepods-pod1.slice/cri-containerd-{TASK}.scope"),
        ("nerd", f"kubepods.slice/crio-{CRIO}.scope"),
        ("box", "lxc.payload.box"),
        ("arch-linux", "machine.slice/machine-arch\\x2dlinux.scope"),
        ("debian", "machine.slice/systemd-nspawn@debian.service"),
    ],
)
def test_container_is_found(tree: Path, machine: Path, text: str, folder: str) -> None:
    assert find_container(text, str(tree), str(machine)) == str(tree / folder)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a", "a may be several containers: a1a1a1a1a1a1, a2a2a2a2a2a2 [give more of the id]"),
        ("stopped", "container stopped has no control group below"),
        ("webb", "no container webb [searched: control groups below"),
        ("webb", "did you mean web?]"),
        ("webb", "/var/lib/docker/containers, "),
    ],
)
def test_container_that_is_not_there_is_said_with_what_was_searched(
    tree: Path, machine: Path, text: str, message: str
) -> None:
    with pytest.raises(NoSuchContainerError) as caught:
        find_container(text, str(tree), str(machine))

    assert message in str(caught.value)


def test_names_come_from_the_api_where_it_answers(tree: Path, tmp_path: Path) -> None:
    root = tmp_path / "r"
    (root / "run").mkdir(parents=True)
    body = json.dumps([{"Id": WEB, "Names": ["/from-api"]}]).encode()
    requests = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(root / "run/docker.sock"))
        server.listen()

        def answer() -> None:
            peer, _ = server.accept()
            with peer:
                requests.append(peer.recv(4096).split(b"\r\n")[0])
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

        thread = threading.Thread(target=answer)
        thread.start()
        found = find_container("from-api", str(tree), str(root))
        thread.join()

    assert found == str(tree / f"system.slice/docker-{WEB}.scope")
    assert requests == [b"GET /containers/json HTTP/1.1"]


@pytest.mark.parametrize(
    ("folder", "container"),
    [
        (f"docker-{WEB}.scope", WEB),
        (WEB, WEB),
        (f"libpod-payload-{POD}", POD),
        (f"libpod-conmon-{POD}.scope", ""),
        ("deadbeefcafe", ""),
        ("init.scope", ""),
        (f"kubepods-pod1.slice:cri-containerd:{TASK}", TASK),
        ("lxc.payload.", ""),
        ("machine-a\\x2db.scope", "a-b"),
    ],
)
def test_name_of_a_group_tells_the_container(folder: str, container: str) -> None:
    assert container_of(folder) == container


def test_escapes_that_are_none_stay() -> None:
    assert unescaped("a\\xzz\\x2d\\x2") == "a\\xzz-\\x2"


def test_group_is_found_by_the_path_of_proc(tree: Path) -> None:
    assert find_group("/system.slice/ssh.service", str(tree)) == str(tree / "system.slice/ssh.service")
    assert find_group("system.slice/../docker", str(tree)) == str(tree / "docker")
    assert find_group("/", str(tree)) == str(tree)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("/system.slice/sshd.service", "; did you mean /system.slice/ssh.service?]"),
        ("/nothing", "; / has docker, kubepods.slice, lxc.payload.box, machine.slice, system.slice]"),
        ("../../etc", "no control group ../../etc [looked below"),
    ],
)
def test_group_that_is_not_there_is_said_with_what_is(tree: Path, text: str, message: str) -> None:
    with pytest.raises(NoSuchGroupError) as caught:
        find_group(text, str(tree))

    assert message in str(caught.value)


def mountinfo(folder: Path, *lines: str) -> str:
    path = folder / "mountinfo"
    path.write_text("".join(f"{line}\n" for line in lines))
    return str(path)


def test_mounts_of_parts_do_not_count_and_blanks_are_escaped(tmp_path: Path) -> None:
    path = mountinfo(
        tmp_path,
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw",
        "32 23 0:29 /part /mnt rw shared:1 - cgroup2 cgroup2 rw",
        "33 23 0:29 / /a\\040longer\\134path rw shared:1 - cgroup2 cgroup2 rw",
        "34 23 0:29 / /short rw - cgroup2 cgroup2 rw",
    )

    assert list(mounts("cgroup2", path)) == ["/short", "/a longer\\path"]


def test_group_of_version_1_is_refused(tree: Path, tmp_path: Path) -> None:
    path = mountinfo(tmp_path, f"32 23 0:29 / {tree} rw - cgroup cgroup rw,memory")

    with pytest.raises(NoSuchGroupError, match=r"is a control group of version 1 \[only cgroup2 is supported\]"):
        find_group(str(tree / "docker"), mountinfo=path)


def test_group_may_be_given_by_its_folder(tree: Path, tmp_path: Path) -> None:
    path = mountinfo(tmp_path, f"32 23 0:29 / {tree} rw - cgroup2 cgroup2 rw")

    assert find_group(str(tree / "docker"), mountinfo=path) == str(tree / "docker")
