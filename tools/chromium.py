"""The one way to find and start a headless Chromium, for the tests and for the tools that draw pages."""

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"]


def launch(playwright):
    """A browser, of an open sync_playwright(). Raises FileNotFoundError, with what to do, if there is none."""
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if not path:
        raise FileNotFoundError("there is no Chromium to draw pages: install it (Debian: apt-get install chromium)")
    return playwright.chromium.launch(executable_path=path, args=OPTIONS)
