"""The control center in a browser tab, with verbs of the person before it."""

from playwright.sync_api import ConsoleMessage, Locator, Page, expect

from tests.browser.node import ADMIN


class Desk:
    """One tab. `expected` holds parts of console errors that a test brings about."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url
        self.expected: list[str] = []
        self._errors: list[str] = []
        page.on("console", self._heard)
        page.on("pageerror", lambda error: self._errors.append(str(error)))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self._errors.append(f"{message.text} {message.location.get('url')}")

    def unexpected_errors(self) -> list[str]:
        return [one for one in self._errors if not any(part in one for part in self.expected)]

    def sign_in(self, email: str = ADMIN[0], password: str = ADMIN[1]) -> None:
        self.page.goto(self.url)
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Kata sandi").fill(password)
        self.page.get_by_role("button", name="Masuk").click()
        expect(self.heading("Dasbor")).to_be_visible()

    def opens(self, path: str) -> None:
        """A page by its address, with a whole load when the tab is new."""
        if self.page.url.startswith(self.url):
            self.page.evaluate("path => { location.hash = path; }", path)
        else:
            self.page.goto(f"{self.url}/#{path}")

    def heading(self, text: str) -> Locator:
        return self.page.get_by_role("heading", level=1, name=text)

    def row(self, text: str) -> Locator:
        """The row of a list that holds this text."""
        return self.page.locator("table.rows tbody tr").filter(has_text=text)

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def dialog(self) -> Locator:
        return self.page.get_by_role("dialog")

    def sees(self, text: str) -> None:
        expect(self.page.get_by_text(text).filter(visible=True).first).to_be_visible()
