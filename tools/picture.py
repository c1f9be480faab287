"""`make picture`: the picture of a page that README shows, drawn from the built site by headless Chromium."""

import functools
import http.server
import threading
from pathlib import Path

from playwright.sync_api import sync_playwright

from tools.chromium import launch

PAGE = "networks/activations/"


def main():
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory="site")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 8000), handler)  # where SITE_URL says that the site lies
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = launch(playwright)
        page = browser.new_page(viewport={"width": 1240, "height": 880}, color_scheme="light")
        page.goto(f"http://127.0.0.1:8000/zh/{PAGE}")
        page.wait_for_load_state("networkidle")
        page.locator(".outputs figure").first.scroll_into_view_if_needed()
        page.wait_for_timeout(500)
        Path(".github").mkdir(exist_ok=True)
        page.screenshot(path=".github/page.png")
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main()
