"""The page is static files under a strict policy, and on the internal listener only."""

import re
from pathlib import Path

import pytest

from halobestie.control.page import FOLDER
from halobestie.public.app import public_app
from tests.control.center import Center

SCRIPTS = sorted(FOLDER.rglob("*.js"))


async def test_the_page_is_served_at_the_root(center: Center) -> None:
    answer = await center.http.get("/", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    for name in re.findall(r'(?:src|href)="/(page/[^"]+)"', answer.text):
        assert (await center.http.get(f"/{name}")).status_code == 200


async def test_a_file_that_has_not_changed_is_not_sent_again(center: Center) -> None:
    first = await center.http.get("/page/main.js")
    again = await center.http.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")


async def test_nothing_else_of_the_folder_is_served(center: Center) -> None:
    for name in ("none.js", "__init__.py", "../page/__init__.py", "%2e%2e/app.py", "parts"):
        assert (await center.http.get(f"/page/{name}")).status_code == 404


async def test_the_public_listener_knows_nothing_of_it(center: Center) -> None:
    app = public_app(center.house)
    rules = {rule.rule for rule in app.url_map.iter_rules()}
    assert not [rule for rule in rules if rule.startswith(("/page", "/internal"))]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_from_text(script: Path) -> None:
    text = script.read_text()
    for forbidden in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert forbidden not in text


def test_the_page_has_nothing_inline() -> None:
    text = (FOLDER / "index.html").read_text()
    assert "<style" not in text
    assert " style=" not in text
    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"\son\w+=", text)
