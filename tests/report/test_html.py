"""Pages are self-contained, safe whatever a submission contains, and complete."""

import base64
import hashlib
import itertools
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from report_examples import contradicted_task, ellipse_task, half_task, mass_task, reference, species_task, students

from grader.errors import UsageError
from grader.grade.model import StudentReport
from grader.report.folder import MARKER, claim_folder, page_names
from grader.report.html import render_student, write_site

VOID = {"meta", "img", "source", "rect", "br", "link", "input"}
POLICY = re.compile(
    r"default-src 'none'; img-src data:; style-src 'sha256-([^']+)'; base-uri 'none'; form-action 'none'"
)


class Page(HTMLParser):
    """Collects tags with attributes, headings and text of a page, and checks that tags nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open:
            self.text.setdefault(self.open[-1], []).append(data)

    def every(self, tag: str) -> list[dict[str, str]]:
        """Attributes of every such element."""
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site") / "reports"
    return write_site(students(), out, title="A course", reference=reference()).parent


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, Page]:
    return {path.name: Page(path.read_text(encoding="utf-8")) for path in _html(site)}


def _html(site: Path) -> Iterator[Path]:
    return site.rglob("*.html")


def test_every_student_has_a_page_and_a_row(site: Path, pages: dict[str, Page]) -> None:
    names = page_names([report.student for report in students()])
    assert {path.relative_to(site).as_posix() for path in _html(site)} == {"index.html", *names}
    links = [a["href"] for a in pages["index.html"].every("a")]
    assert links == ["#content", *names]
    assert (site / MARKER).is_file()


def test_policy_is_strict_and_its_hash_is_that_of_the_style(pages: dict[str, Page]) -> None:
    for page in pages.values():
        (policy,) = [m["content"] for m in page.every("meta") if m.get("http-equiv") == "Content-Security-Policy"]
        matched = POLICY.fullmatch(policy)
        assert matched is not None
        style = "".join(page.text["style"]).encode()
        assert matched[1] == base64.b64encode(hashlib.sha256(style).digest()).decode()


def test_no_script_no_inline_style_no_handler_nothing_from_elsewhere(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        for tag, attributes in page.tags:
            assert tag not in {"script", "iframe", "object", "embed", "form", "link", "base", "foreignobject"}, name
            assert not any(key == "style" or key.startswith("on") for key in attributes), (name, tag, attributes)
            for key in ("src", "srcset"):
                assert attributes.get(key, "data:image/").startswith("data:image/"), name
            assert re.match(r"(#|\.\./index\.html$|students/[a-z0-9-]+\.html$|$)", attributes.get("href", "")), name


def test_hostile_text_is_escaped_and_cleaned(site: Path) -> None:
    for path in _html(site):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<script|<img src=x|<svg/onload|evil\.example", text), path.name
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", text), path.name
    assert any("&lt;script&gt;alert(1)&lt;/script&gt;" in path.read_text(encoding="utf-8") for path in _html(site))


def test_headings_are_in_order_and_pages_have_landmarks(pages: dict[str, Page]) -> None:
    for name, page in pages.items():
        levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels)), name
        assert {"header", "main", "footer", "title"} <= {tag for tag, _ in page.tags}
        assert all(image["alt"] for image in page.every("img"))
        assert all(th.get("scope") for th in page.every("th"))
        ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
        assert len(ids) == len(set(ids))


def test_a_page_says_what_was_aimed_at_found_missing_and_next() -> None:
    text = render_student(StudentReport(student="a", tasks=[mass_task()]), reference=reference())
    for words in (
        "What to fix first",
        "Validation ran over the training loader.",
        "512 g",
        "690 g",
        "298 g",
        "naive baseline",
        "Aim",
        "Found",
        "Gap",
        "Next",
        "74.5",
        "A self-check: the final mark may use other held-out data.",
    ):
        assert words in text, words
    assert text.index("What to fix first") < text.index("Every criterion")
    assert "all passed" not in text.lower()


def test_a_half_finished_notebook_shows_its_errors_and_first_step() -> None:
    page = Page(render_student(StudentReport(student="a", tasks=[half_task()])))
    assert any("name 'loader' is not defined" in text for text in page.text["pre"])
    shown = [" ".join(text.split()) for text in page.text["p"]]
    assert "No optimiser step was seen. A training loop calls backward and step for every batch." in shown


def test_same_reports_same_bytes() -> None:
    report = students()[0]
    assert render_student(report, reference=reference()) == render_student(report, reference=reference())


COLLIDING = [
    "alice",
    "Alice",
    "ALICE",
    "ålice",
    "a/lice",
    "../alice",
    "a\nlice",
    "",
    " ",
    "王",
    "李",
    "x" * 255,
    "x" * 254,
    "con",
    "NUL",
    "a\ud800",
    "alice",
    "index",
    ".",
]


def test_names_of_pages_are_unique_portable_and_stable() -> None:
    names = page_names(COLLIDING)
    assert len({name.casefold() for name in names}) == len(COLLIDING)
    assert all(re.fullmatch(r"students/[a-z0-9][a-z0-9-]{0,80}\.html", name) for name in names)
    assert not any(Path(name).stem in {"con", "nul"} for name in names)
    assert page_names(["Alice"])[0] == names[1]


def test_colliding_names_get_a_page_each(tmp_path: Path) -> None:
    index = write_site([StudentReport(student=name, tasks=[]) for name in COLLIDING], tmp_path / "out")
    assert len(list((index.parent / "students").iterdir())) == len(COLLIDING)


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(UsageError, match="did not write"):
        write_site([], tmp_path)
    with pytest.raises(UsageError, match="not a folder"):
        claim_folder(tmp_path / "thesis.tex")
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_link_in_place_of_the_pages_is_refused(tmp_path: Path) -> None:
    out, elsewhere = tmp_path / "out", tmp_path / "elsewhere"
    write_site([], out)
    elsewhere.mkdir()
    (out / "students").rmdir()
    (out / "students").symlink_to(elsewhere)
    with pytest.raises(UsageError, match="link"):
        write_site(students()[1:2], out)
    assert not list(elsewhere.iterdir())


def test_writing_again_replaces_our_pages_and_keeps_other_files(tmp_path: Path) -> None:
    out = claim_folder(tmp_path / "out")
    write_site([StudentReport(student="ann", tasks=[]), StudentReport(student="bob", tasks=[])], out)
    (out / "gradebook.csv").write_text("kept")
    (out / "students" / "note.txt").write_text("kept")
    write_site([StudentReport(student="bob", tasks=[])], out)
    assert sorted(p.name for p in (out / "students").iterdir()) == ["bob.html", "note.txt"]
    assert (out / "gradebook.csv").read_text() == "kept"
    assert not list(out.rglob(".writing-*"))


def test_further_metrics_have_names_and_units() -> None:
    text = render_student(StudentReport(student="a", tasks=[ellipse_task()]))
    assert "<dt>RMSE row radius</dt><dd>3.9 px</dd>" in text
    assert "<dt>Intersection over union</dt><dd>81 %</dd>" in text
    assert "On your own validation data" in text


def test_the_graders_own_failure_is_no_zero_on_the_page() -> None:
    page = Page(render_student(students()[2]))
    marks = [text.strip() for text in page.text["strong"]]
    assert marks[-1] == "–"
    assert any("100 points still open" in text for text in page.text["span"])


def test_facts_that_do_not_go_together_have_a_box_of_their_own() -> None:
    """It names both facts and no guilt; without any there is no box."""
    text = render_student(StudentReport(student="a", tasks=[contradicted_task()]))
    page = Page(text)
    assert "For a person to look at" in page.text["h3"]
    assert any("600,000 optimiser steps, yet" in item for item in page.text["li"])
    assert [a["class"] for a in page.every("section") if "look" in a.get("class", "")] == ["card look"]
    assert "cheat" not in text.lower()
    assert "For a person to look at" not in render_student(StudentReport(student="a", tasks=[species_task()]))
