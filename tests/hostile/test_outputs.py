"""What readers get of the hostile class does nothing on its own: pages, tables, documents and the terminal."""

import csv
import io
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from observer import Run

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("hostile")]
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
PAYLOAD = "<script>window.pwned=1</script><img src=x onerror='window.pwned=1'><a href='javascript:window.pwned=1'>x</a>"
CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
CODE = r"""[...document.querySelectorAll('*')].flatMap(e => [...e.attributes].filter(
    a => /^on|^(srcdoc|http-equiv)$/i.test(a.name) && a.value !== 'Content-Security-Policy'
    || /^\s*(javascript|vbscript|data:text)/i.test(a.value)).map(a => a.name + '=' + a.value))"""


@pytest.fixture(scope="module")
def chromium() -> Any:
    """A browser."""
    playwright = pytest.importorskip("playwright.sync_api")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as runner:
        launched = runner.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield launched
        launched.close()


def watched(browser: Any, paths: Sequence[Path]) -> dict[str, dict[str, list[str]]]:
    """What pages do by themselves, by name: requests, messages, dialogs, further windows, changed variables and links
    that are code. One window shows them all in turn, since making one takes longer than what is done in it."""
    page, acts = browser.new_page(), {}
    seen: dict[str, list[str]] = {}

    def note(kind: str, text: str) -> None:
        seen.setdefault(kind, []).append(text)

    page.on("request", lambda request: note("requests", request.url))
    page.on("console", lambda message: note("messages", message.text))
    page.on("pageerror", lambda error: note("messages", str(error)))
    page.on("dialog", lambda dialog: (note("dialogs", dialog.message), dialog.dismiss()))
    page.on("popup", lambda other: note("windows", other.url))
    for path in paths:
        seen.clear()
        page.goto(path.as_uri())
        page.wait_for_timeout(20)
        seen["changed"] = ["pwned"] if page.evaluate("window.pwned !== undefined") else []
        seen["code"] = page.evaluate(CODE)
        own = [url for url in seen.pop("requests") if url != path.as_uri() and not url.startswith("data:image/")]
        found = {kind: told for kind, told in (seen | {"requests": own}).items() if told}
        acts |= {path.name: found} if found else {}
    page.close()
    return acts


@pytest.mark.browser
def test_no_page_does_anything_by_itself(hostile_run: Run, chromium: Any) -> None:
    """Every student's page, and the overview."""
    pages = [hostile_run.reports / "index.html", *sorted((hostile_run.reports / "students").glob("*.html"))]
    assert watched(chromium, pages) == {}


@pytest.mark.browser
def test_a_page_that_acts_is_seen_to_do_so(tmp_path: Path, chromium: Any) -> None:
    """Else the test above could not fail."""
    (tmp_path / "a.html").write_text(f"<!doctype html><body>{PAYLOAD}")
    (tmp_path / "b.html").write_text("<!doctype html><body>")
    acts = watched(chromium, [tmp_path / "a.html", tmp_path / "b.html", tmp_path / "a.html"])
    assert {name: set(found) for name, found in acts.items()} == {"a.html": {"requests", "messages", "changed", "code"}}


def test_no_cell_of_the_gradebook_is_a_formula(hostile_run: Run) -> None:
    """Names, and the remarks that quote what students wrote."""
    text = (hostile_run.reports / "gradebook.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(io.StringIO(text)))
    assert any("=1+1|cmd" in row[0] for row in rows)
    assert [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))] == []
    assert CONTROLS.findall("".join(cell for row in rows for cell in row)) == []


def test_the_results_are_strict_json_without_control_characters(hostile_run: Run) -> None:
    """Newlines occur in messages only, never in names."""

    def constant(value: str) -> None:
        raise AssertionError(value)

    text = (hostile_run.reports / "results.json").read_text(encoding="utf-8")
    document = json.loads(text, parse_constant=constant)
    texts: list[str] = []

    def walk(value: object) -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                texts.append(key)
                walk(item)
        elif isinstance(value, list):
            for item in value:
                walk(item)
        elif isinstance(value, str):
            texts.append(value)

    walk(document)
    assert [text for text in texts if CONTROLS.search(text)] == []
    assert [entry["student"] for entry in document["submissions"] if "\n" in entry["student"]] == []


def test_the_console_shows_text_only(hostile_run: Run) -> None:
    """No escape sequence, no override, and no line that continuous integration takes for a command."""
    assert CONTROLS.findall(hostile_run.console.replace("\r\n", "\n")) == []
    assert [line for line in hostile_run.console.splitlines() if line.lstrip().startswith(("::", "##["))] == []
