"""An address in the specification.

## What it does
Looks for texts with an IP address, or with a host and a port. The `url` of a legacy system may name a host, but no
port and no IP address either. A range (`10.0.0.0/8`) is no address.

## Why it is bad
Addresses differ between development, test and production, and change when something moves. Written here they end up in
generated files of every environment, and a failover becomes a release.

## Example
```yaml
legacy:
  shop-monolith: {url: "http://10.1.2.3:8080"}
```

## Use instead
```yaml
legacy:
  shop-monolith: {url: "http://monolith.internal"}       # a name that discovery resolves
```
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fleetgen.analysis.rule import Finding, Rule
from fleetgen.analysis.view import View
from fleetgen.core.diagnostic import Severity

_OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_PORT = r":\d{2,5}(?![\d.:-])"
_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}[A-Za-z0-9])?"
_ADDRESSES = (
    re.compile(rf"(?<![\w.-]){_OCTET}(?:\.{_OCTET}){{3}}(?![\w-]|\.\d|/\d)(?:{_PORT})?"),
    re.compile(rf"\[[0-9A-Fa-f]{{0,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}}\](?:{_PORT})?"),
    re.compile(rf"(?<=://){_HOST}(?:\.{_HOST})*{_PORT}"),
    re.compile(rf"(?<![\w.-])(?:localhost|(?:{_HOST}\.)+[A-Za-z][A-Za-z-]*){_PORT}"),
)


def check(view: View) -> Iterator[Finding]:
    """One finding an element and address."""
    for element, held in view.texts:
        found = dict.fromkeys(address for _, text in held for address in _addresses(text))
        for address in found:
            yield Finding(
                element=element,
                message=f"`{element.name}` names the address `{address}`",
                hint="write a name that discovery resolves, and leave the port to it",
            )


def _addresses(text: str) -> list[str]:
    return [match.group() for form in _ADDRESSES for match in form.finditer(text)]


RULE = Rule(id="COM-2", name="hard-coded-endpoint", severity=Severity.ERROR, check=check)
