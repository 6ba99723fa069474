"""A secret stands in the specification.

## What it does
Looks for texts that have the form of a key, a token or an address with a password, and for texts under a key such as
`password` or `apiKey` that are no reference. A reference begins with `vault:`, `env:`, `file:`, `secret:`, `$` or `<`.

## Why it is bad
The specification is committed, rendered into charts and pages, and kept in every clone for ever. A secret in it is
public to all who can read the repository, and changing it means changing the specification.

## Example
```yaml
legacy:
  shop-monolith:
    url: http://admin:hunter2@monolith.internal
```

## Use instead
```yaml
legacy:
  shop-monolith:
    url: http://monolith.internal      # the user and password come from the vault
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity
from fleetgen.core.names import words

_FORMS = (
    ("an address with a password", re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:(?!\$|<|\{)[^\s/@]+@")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")),
    ("a cloud access key", re.compile(r"\b(AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b")),
    ("a token of a code host", re.compile(r"\bgh[pousr]_[0-9A-Za-z]{30,}\b|\bglpat-[0-9A-Za-z_-]{20,}")),
    ("a token of a service", re.compile(r"\bxox[abprs]-[0-9A-Za-z-]{10,}|\b[sr]k_(live|test)_[0-9A-Za-z]{16,}\b")),
    ("a signed token", re.compile(r"\beyJ[0-9A-Za-z_-]{8,}\.eyJ[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]+")),
)
_SECRET_WORDS = frozenset({"password", "passwd", "passphrase", "secret", "token", "apikey", "credentials"})
_SECRET_PAIRS = frozenset({("api", "key"), ("access", "key"), ("private", "key"), ("secret", "key"), ("pass", "word")})
_REFERENCE = re.compile(r"\s*(vault|env|file|secret|ref)?:|\s*[$<{]", re.IGNORECASE)


def check(view: View) -> Iterator[Finding]:
    """One finding an element and form. The secret itself is not repeated: reports are read by more people."""
    for element, held in view.texts:
        found = dict.fromkeys(what for key, text in held if (what := _secret(key, text)))
        for what in found:
            yield Finding(
                element=element,
                message=f"`{element.name}` holds {what}",
                hint="take it out, make it invalid where it was in use, and refer to the vault instead",
            )


def _secret(key: str, text: str) -> str:
    for what, form in _FORMS:
        if form.search(text):
            return what
    if text.strip() and _names_secret(key) and not _REFERENCE.match(text):
        return f"a secret under `{key}`"
    return ""


def _names_secret(key: str) -> bool:
    parts = words(key)
    return bool(parts) and (parts[-1] in _SECRET_WORDS or parts[-2:] in _SECRET_PAIRS)


RULE = Rule(id="SEC-4", name="secret-in-specification", severity=Severity.ERROR, check=check)
