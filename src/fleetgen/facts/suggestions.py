"""Values that fleetgen has for the usual questions of templates that it did not write.

The table below is documentation too: the guide "Your own templates" shows it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from fleetgen.facts.schema import FleetFacts, ServiceFacts

# What a person may write in braces in an answer of his own, and what it stands for.
WORDS = {
    "title": "the service's title",
    "name": "its name in kebab-case",
    "module": "its name in snake_case",
    "purpose": "its purpose",
    "context": "its bounded context",
    "team": "its team",
    "fleet": "the fleet's name",
    "organisation": "the organisation",
}
# The word that answers a question, by the question's name in lower case with `_`.
USUAL = {
    **dict.fromkeys(("project_name", "project_title", "app_title", "title", "service_title", "friendly_name"), "title"),
    **dict.fromkeys(
        ("service_name", "app_name", "application_name", "name", "component_name", "repo_name", "repository_name",
         "repository", "project_slug", "slug", "project_slug_kebab", "distribution_name", "binary_name"),
        "name",
    ),
    **dict.fromkeys(
        ("package_name", "package", "module_name", "module", "python_package", "python_package_name", "import_name",
         "project_package", "pkg_name", "python_package_import_name"),
        "module",
    ),
    **dict.fromkeys(
        ("description", "project_description", "short_description", "project_short_description", "summary",
         "service_description", "purpose"),
        "purpose",
    ),
    **dict.fromkeys(("author", "author_name", "authors", "full_name", "maintainer", "owner", "team",
         "author_fullname"), "team"),
    **dict.fromkeys(
        ("organisation", "organization", "org", "org_name", "organization_name", "organisation_name", "company",
         "company_name", "vendor", "github_org", "github_organization", "repository_namespace"),
        "organisation",
    ),
    **dict.fromkeys(("fleet", "fleet_name", "system", "system_name"), "fleet"),
    **dict.fromkeys(("context", "bounded_context", "domain_name"), "context"),
}  # fmt: skip

_WORD = re.compile(r"\{(" + "|".join(WORDS) + r")\}")


def words(service: ServiceFacts, fleet: FleetFacts) -> dict[str, str]:
    """What each word stands for in a service."""
    return {
        "title": service.title,
        "name": service.name.kebab,
        "module": service.name.snake,
        "purpose": service.purpose,
        "context": service.context,
        "team": service.team,
        "fleet": fleet.name,
        "organisation": fleet.organisation,
    }


def suggestions(known: Mapping[str, str]) -> dict[str, str]:
    """Answers by the usual names of questions; what the specification leaves empty is not suggested."""
    return {question: known[word] for question, word in sorted(USUAL.items()) if known[word]}


def filled(answer: Any, known: Mapping[str, str]) -> Any:
    """A person's own answer with its words replaced, wherever they stand in it."""
    if isinstance(answer, str):
        return _WORD.sub(lambda match: known[match[1]], answer)
    if isinstance(answer, dict):
        return {key: filled(value, known) for key, value in answer.items()}
    return [filled(value, known) for value in answer] if isinstance(answer, list) else answer


def has_words(text: str) -> bool:
    """Whether a text names one of the words."""
    return _WORD.search(text) is not None
