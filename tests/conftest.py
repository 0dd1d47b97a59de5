"""What every test gets: the commands as fixtures, root where it is needed, and checks that nothing is left behind.

EUNOMIA_NO_SKIP=1 turns every skip into a failure, so that CI cannot skip in silence.
"""

from __future__ import annotations

import gc
import os
import uuid
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings

from support import kernel_state
from support.commands import Command
from support.registries import Registry, Server
from support.registry_clients import RegistryClient, home_environment
from support.vm import VmError
from support.vm.lab import Vm
from support.vm.machine import qemu

ROOT = Path(__file__).resolve().parent.parent
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
NO_SKIP = os.environ.get("EUNOMIA_NO_SKIP", "") not in ("", "0")

settings.register_profile("eunomia", deadline=None)  # two busy cores make any deadline a lottery
settings.load_profile("eunomia")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything under tests/kernel as needing root, and say so where there is none."""
    for item in items:
        if (ROOT / "tests/kernel") in item.path.parents:
            item.add_marker("root")
        if item.get_closest_marker("root") and os.geteuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root (run: sudo scripts/test)"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skipped test into a failed one under EUNOMIA_NO_SKIP."""
    report = yield
    return _no_skip(report)


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Turn a skipped module into a failed one under EUNOMIA_NO_SKIP."""
    report = yield
    return _no_skip(report)


def _no_skip(report: Report) -> Report:
    if NO_SKIP and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"EUNOMIA_NO_SKIP is set, and this was skipped: {reason}"
    return report


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def test_session() -> str:
    """A word that is in the environment of every process that the tests start through `ecli` and `ecc`."""
    return uuid.uuid4().hex


@pytest.fixture
def ecli(test_session: str) -> Iterator[Command]:
    """`ecli(*args, input=None, timeout=60, env=…) -> Result`, `ecli.start(*args) -> Running` (wait_attached, stop)."""
    command = Command("ecli", test_session)
    yield command
    command.close()


@pytest.fixture
def ecc(test_session: str) -> Iterator[Command]:
    """`ecc(*args) -> Result`, as `ecli`."""
    command = Command("ecc", test_session)
    yield command
    command.close()


@pytest.fixture(scope="session")
def vm() -> Callable[..., Vm]:
    """`vm(series, arch, **options) -> Vm`, `.run(script, files=…) -> list of dicts`; see tests/vm/README.md."""

    def make(series: str, arch: str = "amd64", **options: Any) -> Vm:
        try:
            qemu(arch)
        except VmError as exc:
            pytest.skip(str(exc))
        return Vm(series, arch, **options)

    return make


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Registry]]:
    """`registry(kind="distribution", tls=False, login=False, options=()) -> Registry`: a real one, on loopback.

    It runs until the tests end, and the same arguments give the same one: `.repository()` is a place of one's own.
    """
    servers: dict[object, tuple[Server, Registry]] = {}

    def make(
        kind: str = "distribution", *, tls: bool = False, login: bool = False, options: tuple[str, ...] = ()
    ) -> Registry:
        key = (kind, tls, login, options)
        if key not in servers:
            server = Server(kind, tmp_path_factory.mktemp(f"registry-{kind}"), tls=tls, login=login, options=options)
            servers[key] = (server, server.start())
        return servers[key][1]

    yield make
    for server, _ in servers.values():
        server.stop()


@pytest.fixture
def home(tmp_path: Path) -> dict[str, str]:
    """Variables of a home of the test's own (`ecli(…, env=home)`): credentials, configuration, caches."""
    return home_environment(tmp_path / "home")


@pytest.fixture
def oras(home: dict[str, str]) -> RegistryClient:
    """`oras(*args) -> Result`: the OCI project's client."""
    return RegistryClient("oras", home)


@pytest.fixture
def cosign(home: dict[str, str]) -> RegistryClient:
    """`cosign(*args) -> Result`: sigstore's client."""
    return RegistryClient("cosign", home)


@pytest.fixture
def skopeo(home: dict[str, str]) -> RegistryClient:
    """`skopeo(*args) -> Result`: the containers project's client."""
    return RegistryClient("skopeo", home)


@pytest.fixture(scope="module", autouse=True)
def nothing_left_in_kernel(request: pytest.FixtureRequest, test_session: str) -> Iterator[None]:
    """Fail a module of tests/kernel that leaves a program, map, link, pin, qdisc, namespace or process behind."""
    if (ROOT / "tests/kernel") not in request.path.parents or os.geteuid() != 0:
        yield
        return
    before = kernel_state.Snapshot()
    yield
    gc.collect()
    left = before.left_behind(test_session)
    assert not left, "left behind: " + "; ".join(left)


@pytest.fixture(autouse=True)
def no_descriptor_leaks() -> Iterator[None]:
    """Fail a test that leaves descriptors of kernel objects open in this process."""
    before = kernel_state.kernel_descriptors()
    yield
    after = kernel_state.kernel_descriptors()
    if set(after) - set(before):
        gc.collect()
        after = kernel_state.kernel_descriptors()
    left = {number: target for number, target in after.items() if before.get(number) != target}
    assert not left, f"descriptors left open: {left}"
