"""The pages of a hub in a real browser: search, reading without scripts, nothing executed that a package says."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from eunomia.publish.hub_build import Settings, build
from support import hubs
from support.browser import Browser
from support.sites import Site

EVIL = "</script><script>document.title='pwned'</script><img src=x onerror=\"document.title='pwned'\">"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Iterator[Site]:
    """Our tools as a hub, and a package that would like to write into the pages."""
    packages = hubs.packages(tmp_path_factory.mktemp("packages"), root)
    package = json.loads((root / "src/eunomia/builtin/opensnoop.json").read_bytes())
    package["meta"]["bpf_skel"]["doc"] = {"brief": EVIL, "details": EVIL, "version": "1.0"}
    for row in package["meta"]["eunomia"]["options"]:
        row[7] |= {"help": EVIL}
    (packages / "evil").mkdir()
    (packages / "evil/package.json").write_text(json.dumps(package))
    (packages / "evil/README.md").write_text(
        f"# evil\n\n{EVIL}\n\n[x](javascript:alert(1)) `{EVIL}`\n\n```console\n{EVIL}\n```\n"
    )
    out = tmp_path_factory.mktemp("hub") / "site"
    settings = Settings(
        str(out), title=f"Tools {EVIL}", base_url="https://tools.example/hub", matrix=str(root / "docs/matrix.json")
    )
    build(str(packages), settings)
    found = Site(out)
    yield found
    found.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = Browser()
    yield found
    found.close()


def shown(browser: Browser) -> list[str]:
    """Return the names of the tools that are seen, in their order."""
    rows = browser.driver.find_elements(By.CSS_SELECTOR, ".tools li")
    return [row.find_element(By.CLASS_NAME, "name").text for row in rows if row.is_displayed()]


def test_search_shows_what_fits_and_the_best_first(browser: Browser, site: Site) -> None:
    browser.driver.get(f"{site.url}/index.html")
    everything = shown(browser)
    box = browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]")

    box.send_keys("latency")
    assert shown(browser)[:2] == ["biolatency", "gethostlatency"]
    assert "opensnoop" not in shown(browser)
    assert browser.driver.find_element(By.ID, "found").text == f"{len(shown(browser))} of 21 tools"
    box.clear()
    box.send_keys("TCP state")
    assert shown(browser)[0] == "tcpstates"
    box.send_keys(" nowhere-at-all")
    assert shown(browser) == []
    box.clear()
    box.send_keys(" ")

    assert shown(browser) == everything
    assert len(everything) == 21
    assert everything == sorted(everything)


def test_a_search_is_in_the_address(browser: Browser, site: Site) -> None:
    browser.driver.get("about:blank")
    browser.driver.get(f"{site.url}/index.html#inet_sock_set_state")

    assert shown(browser) == ["tcpconnect", "tcpstates"]


def test_every_page_opens_without_a_word_on_the_console_and_asks_nobody_else(browser: Browser, site: Site) -> None:
    browser.console()
    site.requests.clear()
    pages = ["/index.html", *sorted(f"/{each.parent.name}/index.html" for each in site.folder.glob("*/index.html"))]

    for page in pages:
        browser.driver.get(site.url + page)
        assert browser.driver.find_element(By.TAG_NAME, "h1").text
        loaded = browser.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
        assert loaded == [], page

    assert len(pages) == 22
    assert browser.console() == []
    assert site.requests == pages


def test_what_a_package_says_is_text_and_nothing_else(browser: Browser, site: Site) -> None:
    for page in ("index.html", "evil/index.html"):
        browser.driver.get(f"{site.url}/{page}")
        time.sleep(0.2)  # an image that cannot be had would say so by now

        assert "pwned" not in browser.driver.title.replace(EVIL, "")
        assert browser.driver.find_elements(By.TAG_NAME, "img") == []
        assert len(browser.driver.find_elements(By.TAG_NAME, "script")) == 1
        assert EVIL in browser.driver.find_element(By.TAG_NAME, "body").text
        assert browser.driver.find_elements(By.CSS_SELECTOR, "a[href^='javascript']") == []


def test_a_policy_stops_scripts_that_are_not_the_pages_own(browser: Browser, site: Site) -> None:
    page = site.folder / "opensnoop/injected.html"
    text = (site.folder / "opensnoop/index.html").read_text()
    page.write_text(text.replace("</body>", "<script>document.title='pwned'</script></body>"))

    browser.driver.get(f"{site.url}/opensnoop/injected.html")
    page.unlink()

    assert browser.driver.title.startswith("opensnoop: ")
    assert any("Content Security Policy" in each["message"] for each in browser.console())


def test_a_tools_page_has_all_that_one_asks(browser: Browser, site: Site) -> None:
    browser.driver.get(f"{site.url}/index.html")
    browser.driver.find_element(By.CSS_SELECTOR, ".tools a[href='opensnoop/index.html']").click()
    text = browser.driver.find_element(By.TAG_NAME, "body").text

    headings = [each.text for each in browser.driver.find_elements(By.TAG_NAME, "h2")]
    assert headings == ["Run", "Output", "What it shows", "Options", "Fields", "Needs", "Kernels", "Versions"]
    lines = [each.text for each in browser.driver.find_elements(By.CSS_SELECTOR, ".line pre")]
    assert lines == ["sudo ecli run opensnoop", "sudo ecli run https://tools.example/hub/opensnoop/0.1.0/package.json"]
    assert "only show failed opens" in text
    assert "CAP_BPF CAP_DAC_READ_SEARCH CAP_PERFMON" in text
    assert "tp/syscalls/sys_enter_openat2" in text
    assert "7.3.4+deb13-cloud-arm64 arm64 ran 2026-11-21" in text
    assert "not signed" in text
    link = browser.driver.find_element(By.LINK_TEXT, "package.json")
    assert link.get_attribute("href") == f"{site.url}/opensnoop/0.1.0/package.json"


def test_a_line_is_copied_by_its_button_or_selected(browser: Browser, site: Site) -> None:
    browser.driver.get(f"{site.url}/opensnoop/index.html")
    button = browser.driver.find_element(By.CSS_SELECTOR, ".line button")

    button.click()
    end = time.monotonic() + 10
    while button.text == "Copy" and time.monotonic() < end:
        time.sleep(0.05)

    assert button.text in ("Copied", "Selected")


def test_pages_read_without_scripts_and_on_a_phone_in_the_dark(site: Site) -> None:
    browser = Browser(scripts=False, dark=True, size=(400, 800))
    try:
        browser.driver.get(f"{site.url}/index.html")
        assert len(shown(browser)) == 21
        assert not browser.driver.find_element(By.CSS_SELECTOR, "input[type=search]").is_displayed()
        browser.driver.find_element(By.CSS_SELECTOR, ".tools a[href='profile/index.html']").click()
        body = browser.driver.find_element(By.TAG_NAME, "body")
        assert browser.driver.find_element(By.TAG_NAME, "h1").text == "profile"
        assert browser.driver.find_elements(By.CSS_SELECTOR, ".line button") == []
        assert body.value_of_css_property("background-color") == "rgba(20, 23, 26, 1)"
        root = browser.driver.find_element(By.TAG_NAME, "html")
        assert int(root.get_property("scrollWidth")) <= int(root.get_property("clientWidth")), "it scrolls sideways"
    finally:
        browser.close()
