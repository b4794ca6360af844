"""What an unknown version of the vendor's script offers, read from its text, and the variables beside it."""

from __future__ import annotations

import re

# getopts OPTSTRING, quoted or not; a leading colon is its silent mode, one behind a letter means a value.
GETOPTS = re.compile(r"""\bgetopts\s+(?:"([^"$]*)"|'([^']*)'|([A-Za-z:]+))\s""")
# getopt -o OPTSTRING (util-linux)
GETOPT = re.compile(r"""\bgetopt\b[^\n]*?(?:-o|--options)[ =]*["']?([A-Za-z:]+)""")
# What stands before the first `)` of a line; its words are looked at one by one, so that no text can make this slow.
_LABEL = re.compile(r"""^[ \t]*\(?([^()\n]{1,200})\)(?![ \t]*\{)""", re.MULTILINE)
_WORD = re.compile(r"""["']?(-{0,2}[A-Za-z][\w-]*)["']?""")
TESTED = re.compile(
    r"""["']?\$\{?(?:1|\w*(?:command|cmd|verb|action|op)\w*)\}?["']?\s*==?\s*["']?([a-z][a-z_-]+)""", re.I
)
_COMMENT = re.compile(r"^\s*#.*$", re.MULTILINE)

# What the guide says a dataflow.sh can be told.
VERBS = ("run", "start", "stop", "restart", "upgrade", "rm", "status")


def _labels(text: str) -> set[str]:
    """The words of all case labels: every alternative before the `)` must look like one."""
    found: set[str] = set()
    for match in _LABEL.finditer(text):
        words = [_WORD.fullmatch(part.strip()) for part in match.group(1).split("|")]
        found.update(word.group(1) for word in words if word)
    return found


def parse_options(text: str) -> tuple[str, ...]:
    """The option letters that a bash script knows: of its getopts strings, and case labels such as `-p)`."""
    text = _COMMENT.sub("", text)
    strings = ["".join(groups) for groups in GETOPTS.findall(text)] + GETOPT.findall(text)
    letters = {letter for string in strings for letter in string if letter.isalpha()}
    letters |= {label[1] for label in _labels(text) if re.fullmatch(r"-[A-Za-z]", label)}
    return tuple(sorted(letters))


def parse_upgrade_options(text: str) -> str | None:
    """The option letters of `upgrade`: those of the getopts with `-i` but no `-p`; None: it cannot be told."""
    strings = ["".join(groups) for groups in GETOPTS.findall(_COMMENT.sub("", text))]
    own = [string for string in strings if "i" in string and "p" not in string]
    shared = [string for string in strings if "i" in string]
    letters = (own or shared or [""])[0]
    return "".join(sorted({letter for letter in letters if letter.isalpha()})) or None


def parse_verbs(text: str) -> tuple[str, ...]:
    """The documented verbs that a bash script knows, from case labels and comparisons with its first word."""
    text = _COMMENT.sub("", text)
    words = _labels(text) | set(TESTED.findall(text))
    return tuple(verb for verb in VERBS if verb in words)


def parse_variables(text: str) -> dict[str, str]:
    """The simple `key: value` lines of `res/vars.yml`, without quotes and comments, nested ones left out."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        match = re.match(r"^([A-Za-z_][\w.-]*)\s*:(?:\s+(.*))?$", line.rstrip())
        if match is None:
            continue
        value = (match.group(2) or "").strip()
        quoted = re.match(r"""^(["'])(.*?)\1""", value)
        found[match.group(1)] = quoted.group(2) if quoted else re.sub(r"(^|\s)#.*$", "", value).strip()
    if not found:
        raise ValueError("no variables")
    return found


def proposed_nodes(variables: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The PBX nodes that `vars.yml` names, as (host name, address); without a name it is the key's."""
    keys = sorted({m.group(1) for key in variables if (m := re.match(r"(pbx\d+)_(?:hostname|private_ip)$", key))})
    return tuple((variables.get(f"{key}_hostname") or key, variables.get(f"{key}_private_ip", "")) for key in keys)
