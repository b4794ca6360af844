"""Redaction: no given secret survives, and what the vendor's script prints behind a telling word goes too."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.core.redact import WORDS, redact

# Few letters, so that secrets often are parts of one another. The mask's own sign is not among them: a secret that is
# a part of the mask cannot be told from it.
TEXT = st.text("abA1 \\.$(+[é漢😀\n\t'\"", max_size=12)


@given(st.lists(TEXT.filter(bool), min_size=1, max_size=4), st.lists(TEXT, max_size=5))
def test_no_given_secret_is_left(secrets: list[str], between: list[str]) -> None:
    """Whatever stands around them, also when one secret is a part of another."""
    text = "".join(part + secret for part, secret in zip(between, secrets * 5, strict=False))
    left = redact(text, secrets)
    assert [secret for secret in secrets if secret in left] == []


def test_the_longer_secret_goes_first() -> None:
    """Else the rest of it would stay behind the mask of the shorter one."""
    assert redact("key hunter2-hunter3", ["hunter2", "hunter2-hunter3"]) == "key ***"


def test_an_empty_secret_masks_nothing() -> None:
    """A block whose password is empty does not turn the text into masks."""
    assert redact("pulled portsip/pbx:22", ["", ""]) == "pulled portsip/pbx:22"


GIVEN_AWAY: list[tuple[str, str]] = [
    ("clickhouse password: s3cret", "clickhouse password: ***"),
    ("password s3cret", "password ***"),
    ("  PASSWORD = s3cret with spaces", "  PASSWORD = ***"),
    ('{"access_token": "abc.def"}', '{"access_token": ***'),
    ("passwd=s3cret; secret=other", "passwd=***"),
    ("export CLICKHOUSE_PASSWORD=s3cret", "export CLICKHOUSE_PASSWORD=***"),
    ("token eyJhbGciOi", "token ***"),
    ("docker login registry.example -u robot -p s3cret", "docker login registry.example -u robot -p ***"),
    ("docker login -u robot -p=s3cret registry.example", "docker login -u robot -p=*** registry.example"),
    ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
    ("Authorization: Basic cm9ib3Q6czNjcmV0", "Authorization: Basic ***"),
]


def test_a_secret_that_nobody_knew_is_masked_behind_its_word() -> None:
    """The script makes up passwords of its own; the words in front of them give them away."""
    for line, expected in GIVEN_AWAY:
        assert redact(line, []) == expected


LETTERS = "pas\u017fswdhreoktnci\u0131l\u0130\u212abgu \n:=-.x"


@given(st.lists(st.sampled_from([*WORDS, *LETTERS, *LETTERS.upper(), "passwort", "docker ", " -p x"]), max_size=12))
def test_without_one_of_the_words_nothing_is_found(parts: list[str]) -> None:
    """The control node looks for them first, and only where one stands for what the patterns mean."""
    text = "".join(parts)
    if redact(text, []) != text:
        assert any(word in text.lower() for word in WORDS)


def test_letters_that_a_pattern_takes_for_others_are_told_as_well() -> None:
    """`re` takes the long s for an s and the Kelvin sign for a k when it ignores case."""
    for line in ("pa\u017f\u017fword x1y2", "to\u212aen x1y2", "credent\u0131al x1y2", "CREDENT\u0130AL x1y2"):
        assert redact(line, []).endswith(" ***")
        assert any(word in line.lower() for word in WORDS)


PLAIN: list[str] = [
    "password for the registry is asked now",
    "the token.",
    "no password, so nothing to do",
    "passwordless login works",
    "run -p /var/lib/portsip -i portsip/pbx:22",
    "basic setup done",
]


def test_a_plain_sentence_stays() -> None:
    """A word alone, without a value behind it, is no secret."""
    for line in PLAIN:
        assert redact(line, []) == line


def test_only_the_line_with_the_word_is_masked() -> None:
    """What stands on other lines is still there to be read."""
    assert redact("begin\ntoken: abc\nend", []) == "begin\ntoken: ***\nend"
