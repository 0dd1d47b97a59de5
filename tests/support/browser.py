"""Chromium without a screen, driven by selenium, with a profile of its own that goes when it ends."""

from __future__ import annotations

import shutil
import tempfile
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)


class Browser:
    """A browser; `driver` is selenium's.

    Args:
        scripts: run the pages' JavaScript.
        dark: the user prefers dark pages.
        size: of the window.
    """

    def __init__(self, *, scripts: bool = True, dark: bool = False, size: tuple[int, int] = (1200, 1000)) -> None:
        self._profile = tempfile.mkdtemp(prefix="chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or "chromium"
        for flag in (*FLAGS, f"--user-data-dir={self._profile}", f"--window-size={size[0]},{size[1]}"):
            options.add_argument(flag)
        if dark:
            options.add_argument("--blink-settings=preferredColorScheme=0")
        if not scripts:
            options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver") or "chromedriver"))

    def console(self) -> list[dict[str, Any]]:
        """What pages have complained about since the last call."""
        found: list[dict[str, Any]] = self.driver.get_log("browser")
        return found

    def close(self) -> None:
        """End it."""
        self.driver.quit()
        shutil.rmtree(self._profile, ignore_errors=True)
