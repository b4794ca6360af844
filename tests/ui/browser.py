"""A browser at the Prefect UI, with words for what a person does there; every step leaves a picture."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from playwright.sync_api import Locator, Page, Request, Response, TimeoutError, expect, sync_playwright

SCREENSHOTS = Path(__file__).parent / "screenshots"
SWITCHES = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-software-rasterizer",
    "--disable-background-networking",
    "--disable-component-update",
    # The UI asks for logos and for its maker's statistics; to wait for a name server is none of a story's business.
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]
READS = ("/filter", "/validate", "/count", "/count_by_state", "/paginate", "/history", "/lateness", "/next-runs")
"""How a POST ends that asks the server and changes nothing."""
SLOW = 60_000
"""Milliseconds that a page may take on a machine with a lot else to do."""


class Browser:
    """One page, and the address of the server."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url
        self._pictures = 0
        self.refused: list[str] = []
        self._sent = 0
        page.on("request", self._count)
        page.on("response", self._note)

    def open(self, path: str) -> None:
        """Open a page of the UI; one that does not come is asked for again, as a person does."""
        for _ in range(6):  # once in some forty times, on a busy machine, for a reason that is not known
            with suppress(TimeoutError):
                self.page.goto(f"{self.url}/v2{path}", wait_until="domcontentloaded", timeout=SLOW / 4)
                return
        raise AssertionError(f"{path} did not open")

    def field(self, name: str) -> Locator:
        """The field with this title, or the parameter of this name."""
        title = re.escape(name).replace("_", "[_ ]")
        return self.page.get_by_label(re.compile(rf"^{title}( \(Optional\))?$", re.IGNORECASE))

    def fill(self, **values: object) -> None:
        """Fill in fields by their titles, with `_` for a space."""
        for name, value in values.items():
            self.field(name.replace("_", " ")).first.fill(str(value))

    def choose(self, title: str, option: str) -> None:
        """Choose from the list under this title: a saved block, or one of several words."""
        group = self.page.get_by_text(re.compile(rf"^{re.escape(title)}( \(Optional\))?$")).locator(
            "xpath=ancestor::div[contains(@class, 'group')][1]"
        )
        button = group.locator("fieldset button").filter(has_not_text="Add").first
        for _ in range(5):  # the form may draw itself anew meanwhile, and the list is gone
            expect(self.page.get_by_role("option")).to_have_count(0)  # the list of another field closes in its time
            button.click()
            with suppress(TimeoutError):
                self.page.get_by_role("option", name=option, exact=True).click(timeout=SLOW / 12)
                expect(button).to_have_text(option, timeout=SLOW / 12)
                return
            self.page.keyboard.press("Escape")
        raise AssertionError(f"{option} could not be chosen under {title}")

    def press(self, name: str) -> None:
        """Press the button that sends a form, and wait until its page is left."""
        before, button = self.page.url, self.page.get_by_role("button", name=name, exact=True)
        self._insist(button, lambda: self.page.url != before)

    def send(self, dialog: Locator, name: str) -> None:
        """Press the button that sends this dialog, and wait until the dialog is gone."""
        self._insist(dialog.get_by_role("button", name=name), dialog.is_hidden)

    def _insist(self, button: Locator, taken: Callable[[], bool]) -> None:
        """Press it until the server took it: one that is busy for the moment says 503, and a person presses again.

        A form that draws itself anew swallows a press: then nothing is sent, and there is nothing to wait for.
        """
        for _ in range(12):
            sent, refused = self._sent, len(self.refused)
            with suppress(TimeoutError):  # late, and the button is gone by now
                button.click(timeout=SLOW / 3)
            self._until(lambda before=sent: taken() or self._sent > before, SLOW / 30)
            if self._sent > sent:
                self._until(lambda before=refused: taken() or len(self.refused) > before, SLOW / 2)
            if taken():
                return
        raise AssertionError(f"{button} was pressed again and again: {self.refused}")

    def _until(self, condition: Callable[[], bool], milliseconds: float) -> None:
        end = time.monotonic() + milliseconds / 1000
        while not condition() and time.monotonic() < end:
            self.page.wait_for_timeout(50)

    def _changes(self, request: Request) -> bool:
        path = request.url.partition("?")[0]
        return request.method != "GET" and path.startswith(self.url) and not path.endswith(READS)

    def _count(self, request: Request) -> None:
        self._sent += self._changes(request)

    def _note(self, answer: Response) -> None:
        if answer.status >= 400 and self._changes(answer.request):
            self.refused.append(f"{answer.status} {answer.request.method} {answer.url}")

    def see(self, text: str | re.Pattern[str]) -> None:
        """Wait until the page shows it."""
        expect(self.page.get_by_text(text).first).to_be_visible()

    def picture(self, name: str, *, whole: bool = False) -> Path:
        """Keep what the page shows; `whole`: also what is below its end."""
        self._pictures += 1
        path = SCREENSHOTS / f"{self._pictures:02}-{name}.png"
        self.page.screenshot(path=path, full_page=whole)
        return path


@contextmanager
def browser(url: str) -> Iterator[Browser]:
    """Debian's chromium, without a window; the pictures of the last time are removed first."""
    shutil.rmtree(SCREENSHOTS, ignore_errors=True)
    SCREENSHOTS.mkdir(exist_ok=True)
    expect.set_options(timeout=SLOW)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=SWITCHES)
        page = chromium.new_page(viewport={"width": 1280, "height": 1000}, reduced_motion="reduce")
        page.set_default_timeout(SLOW)
        yield Browser(page, url)
        chromium.close()
