"""Text of submissions is harmless once cleaned, and numbers read the same everywhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.report.text import clean_text, measured, number, points, seconds


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain", "plain"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x07", "text"),
        ("\x1b]0;title\x07x", "x"),
        ("\x9b2Jx", "x"),
        ("\x1bP+q\x1b\\x", "x"),
        ("a\x00b\x7f", "a␀b␡"),
        ("a\u202eb", "a[U+202E]b"),
        ("a\u2066b\ufeff", "a[U+2066]b[U+FEFF]"),
        ("a\ud800b", "a\ufffdb"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("naïve 王 🐧", "naïve 王 🐧"),
    ],
)
def test_what_could_act_or_hide_is_removed_or_visible(raw: str, shown: str) -> None:
    assert clean_text(raw) == shown


def test_one_line_and_a_limit() -> None:
    assert clean_text("a\n\tb", lines=False) == "a b"
    assert clean_text("x" * 1_500, limit=10) == "x" * 10 + "… (1,490 more characters)"


@given(st.text(alphabet=st.characters(codec=None)))
def test_nothing_that_terminals_obey_is_left(text: str) -> None:
    cleaned = clean_text(text)
    assert not any(ord(c) < 32 and c not in "\n\t" for c in cleaned)
    assert not any(0x7F <= ord(c) <= 0x9F or 0xD800 <= ord(c) <= 0xDFFF or c in "\u202e\u2028" for c in cleaned)
    cleaned.encode()


def test_an_unterminated_sequence_of_a_megabyte_is_cleaned_in_linear_time() -> None:
    assert clean_text("\x1b]" * 500_000) == ""


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0"),
        (0.01234, "0.0123"),
        (0.5, "0.5"),
        (4.567, "4.57"),
        (45.67, "45.7"),
        (1250.4, "1,250"),
        (1e-9, "1.0e-09"),
        (float("nan"), "not finite"),
    ],
)
def test_numbers(value: float, shown: str) -> None:
    assert number(value) == shown


def test_points_metrics_and_durations() -> None:
    assert (points(7.0), points(7.25), points(100)) == ("7", "7.2", "100")
    assert (measured(0.967, "accuracy", ""), measured(298.2, "mae", "g")) == ("96.7 %", "298 g")
    assert (seconds(0.44), seconds(16.0), seconds(169)) == ("0.4 s", "16 s", "2 min 49 s")
