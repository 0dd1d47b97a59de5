"""The DaemonSet: valid for several Kubernetes, with the least rights; what it runs does run with these."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from support import provoke
from support.commands import Command
from support.registries import Registry

VERSIONS = ["1.27", "1.30", "1.34", "1.37"]
Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def documents(root: Path) -> Documents:
    """What is in the manifest, by kind."""
    text = (root / "packaging/kubernetes/daemonset.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod(documents: Documents) -> dict[str, Any]:
    found: dict[str, Any] = documents["DaemonSet"]["spec"]["template"]["spec"]
    return found


@pytest.mark.parametrize("version", VERSIONS)
def test_manifest_is_valid(documents: Documents, version: str) -> None:
    assert list(documents) == ["Namespace", "ServiceAccount", "ConfigMap", "DaemonSet"]
    for document in documents.values():
        assert kubernetes_validate.validate(document, version, strict=True) == version


def test_a_misspelt_right_would_be_found(documents: Documents) -> None:
    wrong = copy.deepcopy(documents["DaemonSet"])
    wrong["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True

    with pytest.raises(kubernetes_validate.ValidationError, match="readOnlyRootFileSystem"):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_it_has_the_least_rights(pod: dict[str, Any]) -> None:
    (container,) = pod["containers"]
    rights = container["securityContext"]

    assert (pod["hostPID"], pod["hostIPC"], pod["hostNetwork"]) == (False, False, False)
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert rights["capabilities"] == {"drop": ["ALL"], "add": ["BPF", "PERFMON"]}
    assert (rights["privileged"], rights["allowPrivilegeEscalation"], rights["readOnlyRootFilesystem"]) == (
        False,
        False,
        True,
    )
    assert {"memory", "ephemeral-storage"} == set(container["resources"]["limits"])


def test_the_nodes_files_are_read_only_and_what_is_written_is_bounded(pod: dict[str, Any]) -> None:
    volumes = {volume.pop("name"): volume for volume in copy.deepcopy(pod["volumes"])}
    mounts = {mount["name"]: mount for mount in pod["containers"][0]["volumeMounts"]}

    assert set(volumes) == set(mounts)
    for name, volume in volumes.items():
        if "emptyDir" in volume:
            assert volume["emptyDir"]["sizeLimit"], name
        else:
            assert mounts[name]["readOnly"] is True, name
    assert [volume["hostPath"]["path"] for volume in volumes.values() if "hostPath" in volume] == [
        "/sys/kernel/tracing"
    ]


@pytest.fixture
def signed(
    registry: Callable[..., Registry], ecli: Command, home: dict[str, str], documents: Documents, tmp_path: Path
) -> tuple[str, dict[str, str]]:
    """opensnoop in a registry, signed; and the environment with the manifest's policy and the key in it."""
    host = registry().host
    reference = f"{host}/tools/opensnoop:0.1.0"
    assert ecli("key", "generate", "--no-passphrase", "-o", tmp_path / "release").returncode == 0
    assert ecli("push", "opensnoop", reference, env=home).returncode == 0
    assert ecli("sign", "--key", tmp_path / "release.key", reference, env=home).returncode == 0
    text: str = documents["ConfigMap"]["data"]["policy.toml"].replace("registry.example", host)
    begin, end = text.index("-----BEGIN"), text.index('""" }]')
    policy = tmp_path / "policy.toml"
    policy.write_text(text[:begin] + (tmp_path / "release.pub").read_text() + text[end:])
    return host, {**os.environ, **home, "EUNOMIA_POLICY": str(policy), "ECLI_ALLOW_UNSIGNED": ""}


@pytest.fixture
def opened_files() -> Iterator[None]:
    """Files are opened ten times a second."""
    done = threading.Event()

    def repeat() -> None:
        while not done.wait(0.1):
            provoke.open_file()

    thread = threading.Thread(target=repeat)
    thread.start()
    yield
    done.set()
    thread.join()


def contained(pod: dict[str, Any], host: str, *more: str) -> list[str]:
    """The container's command line, as its securityContext confines it: root with these capabilities, and tracefs."""
    (container,) = pod["containers"]
    added = ",".join(f"+{name.lower()}" for name in container["securityContext"]["capabilities"]["add"])
    words = [word.replace("registry.example", host) for word in container["args"]]
    confined = f'exec setpriv --no-new-privs --inh-caps=-all --bounding-set=-all,{added} "$@"'
    script = f"mount -t tracefs -o ro tracefs /sys/kernel/tracing && {confined}"
    ecli = [str(Path(sys.executable).with_name("ecli")), *words, *more]
    return ["unshare", "--mount", "sh", "-c", script, "sh", *ecli]


def test_its_command_line_runs_with_these_rights(
    pod: dict[str, Any], signed: tuple[str, dict[str, str]], opened_files: None
) -> None:
    host, environment = signed

    run = subprocess.run(
        contained(pod, host, "--max-events", "3"),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert run.returncode == 0, run
    events = [json.loads(line) for line in run.stdout.splitlines()]
    assert len(events) == 3
    assert all(event["path"] for event in events), events


def test_what_the_key_has_not_signed_is_refused(
    pod: dict[str, Any], signed: tuple[str, dict[str, str]], ecli: Command
) -> None:
    host, environment = signed
    other = f"{host}/others/opensnoop:0.1.0"
    assert ecli("push", "opensnoop", other, env=environment).returncode == 0
    unsigned = f"{host}/tools/opensnoop:0.1.0"
    assert ecli("push", "sigsnoop", unsigned, env=environment).returncode == 0

    for reference, reason in ((other, "nothing from there is allowed"), (unsigned, "no signature")):
        command = [reference if word.endswith("opensnoop:0.1.0") else word for word in contained(pod, host)]
        run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert (run.returncode, run.stdout) == (1, ""), run
        assert f"{reference}: {reason}: refused by {environment['EUNOMIA_POLICY']}:" in run.stderr, run


def test_until_there_is_a_key_everything_is_refused(
    pod: dict[str, Any], signed: tuple[str, dict[str, str]], documents: Documents, tmp_path: Path
) -> None:
    host, environment = signed
    policy = tmp_path / "as-it-is.toml"
    policy.write_text(documents["ConfigMap"]["data"]["policy.toml"].replace("registry.example", host))

    run = subprocess.run(
        contained(pod, host),
        env={**environment, "EUNOMIA_POLICY": str(policy)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (run.returncode, run.stdout) == (1, ""), run
    assert "damaged public key" in run.stderr, run
    assert f"{policy}:1 (match {host}/tools/*)" in run.stderr, run
