"""Two small templates as others write them: one for cookiecutter, one for copier, with what such templates use."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

SLUG = "{{cookiecutter.project_slug}}"
VARIABLES: dict[str, object] = {
    "project_name": "My Service",
    "project_slug": "{{ cookiecutter.project_name|lower|replace(' ', '-') }}",
    "author": 'Nöbody "N" O\'Body 🍪',
    "port": 8080,
    "database": ["postgresql", "sqlite", "{{ cookiecutter.project_slug }}-db"],
    "with_docker": True,
    "options": {"log": {"level": "info", "size": 3}},
    "nothing": None,
    "__module": "{{ cookiecutter.project_slug.replace('-', '_') }}",
    "_note": "kept {{ as it is",
    "_copy_without_render": ["static", "*.html"],
    "_jinja2_env_vars": {"trim_blocks": True},
    "__prompts__": {"project_name": "Its name", "database": {"__prompt__": "Where", "sqlite": "A file"}},
}
README = """\
# {{ cookiecutter.project_name }} by {{ cookiecutter.author }}

Port {{ cookiecutter.port }}, {{ cookiecutter.database }}, {{ cookiecutter.options.log.level }}.
{% if cookiecutter.with_docker %}
Docker, {{ cookiecutter.options.log.size * 2 }}.
{% endif %}
{{ cookiecutter._note }} {{ cookiecutter.nothing }}
"""
COOKIECUTTER: dict[str, str | bytes] = {
    "cookiecutter.json": json.dumps(VARIABLES, indent=2, ensure_ascii=False),
    "LICENSE": "as you like\n",
    "README.md": "about the template\n",
    f"{SLUG}/README.md": README,
    f"{SLUG}/src/{{{{cookiecutter.__module}}}}.py": 'print("{{ cookiecutter.__module }}")\n',
    f"{SLUG}/run.sh": "#!/bin/sh\nexec python src\n",
    f"{SLUG}/page.html": "<p>{{ page }}</p>\n",
    f"{SLUG}/static/{{{{x}}}}/{{{{ y }}}}.txt": "{% not jinja\n",
    f"{SLUG}/windows.txt": "one\r\ntwo\r\n",
    f"{SLUG}/logo.png": b"\x89PNG\x00{{ no }}\xff",
    f"{SLUG}/{{% if cookiecutter.with_docker %}}Dockerfile{{% endif %}}": "FROM scratch\n",
    f"{SLUG}/{{% if not cookiecutter.with_docker %}}Procfile{{% endif %}}": "web: run\n",
}

COPIER_YML = """\
_subdirectory: project
_envops: {trim_blocks: true}
_exclude: ["{% if not with_docker %}Dockerfile{% endif %}"]
service: {type: yaml}
project_name: {type: str, help: Its name}
project_slug: {type: str, default: "{{ project_name | lower | replace(' ', '-') }}"}
folder: {type: str, default: "{{ _folder_name }}"}
port: {type: int, default: 8080, validator: "{% if port < 1024 %}too low{% endif %}"}
database: {type: str, choices: {PostgreSQL: postgresql, SQLite: sqlite}, default: postgresql}
features: {type: str, multiselect: true, choices: [metrics, traces], default: [metrics]}
with_docker: {type: bool, default: true}
image: {type: str, default: "{{ project_slug }}:1", when: "{{ with_docker }}"}
description: {type: str, default: A service}
"""
COPIER: dict[str, str | bytes] = {
    "copier.yml": COPIER_YML,
    "README.md": "about the template\n",
    "macros/names.jinja": "{% macro loud(text) %}{{ text | upper }}{% endmacro %}",
    "project/README.md.jinja": (
        '{% from "macros/names.jinja" import loud %}\n# {{ loud(project_name) }}\n\n{{ description }} on {{ port }}.\n'
        "{% for command in service.commands %}\n- {{ command.name.text }}\n{% endfor %}\n"
    ),
    "project/{% yield command from service.commands %}{{ command.name.snake }}{% endyield %}.txt.jinja": (
        "{{ command.name.text }} in {{ folder }}\n"
    ),
    "project/Dockerfile.jinja": "FROM {{ image }}\n",
    "project/run.sh": "#!/bin/sh\n",
    "project/{{ _copier_conf.answers_file }}.jinja": "# Do not edit\n{{ _copier_answers | to_nice_yaml -}}\n",
}


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """Lay a template out, as its author has it; scripts can be run."""
    for path, content in files.items():
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        if path.endswith(".sh"):
            place.chmod(0o755)
    return folder
