# SPDX-License-Identifier: Apache-2.0
"""Pages in a real Chromium, without a window: what it makes of them, and what
it asks of the network."""
import os
import shutil
import subprocess
import tempfile
from html.parser import HTMLParser

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt-get install chromium)")


def chromium(url, *options):
    """Its standard output. All of the network but 127.0.0.1 is a dead end."""
    with tempfile.TemporaryDirectory(prefix="dmarc-intake-chromium.", ignore_cleanup_errors=True) as profile:
        done = subprocess.run(
            [CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--user-data-dir=" + profile,
             "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", *options, url],
            capture_output=True, timeout=120, env={**os.environ, "HOME": profile})
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
    return done.stdout.decode()


def picture(url, path, width, height, is_dark=False):
    chromium(url, "--window-size=%d,%d" % (width, height), "--screenshot=" + str(path),
             "--blink-settings=preferredColorScheme=%d" % (0 if is_dark else 1))


class Page(HTMLParser):
    """The elements of a page, with their attributes, and its text."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def names(self):
        return {tag for tag, _ in self.elements}


def dom(url):
    return Page(chromium(url, "--dump-dom"))
