"""The description of the interface as a page: one document, no script, nothing from any other host.

Law: everything on it comes from the OpenAPI document, escaped; the page may load nothing, and says so itself.
"""

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from typing import Any, Final

import msgspec

from klaroen.edge.desk import Pages
from klaroen.edge.openapi import document

STYLE: Final = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em; }
pre { overflow-x: auto; padding: 0.75rem; border: 1px solid #8886; border-radius: 4px; }
summary { cursor: pointer; padding: 0.4rem 0; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; vertical-align: top; padding: 0.25rem 0.75rem 0.25rem 0; border-top: 1px solid #8883; }
"""

JsonObject = Mapping[str, Any]


def make_pages() -> Pages:
    """Return the document and the page that shows it."""
    described = document()
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return Pages(msgspec.json.encode(described), _page(described).encode(), policy.encode())


def _page(described: JsonObject) -> str:
    info = described["info"]
    operations = "\n".join(
        _operation(path, method, operation)
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    )
    schemas = "\n".join(_schema(name, schema) for name, schema in sorted(described["components"]["schemas"].items()))
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{escape(info["title"])}: the interface</title><style>{STYLE}</style></head>
<body><h1>{escape(info["title"])} {escape(info["version"])}</h1>
<p>{escape(info["description"])} For programs: <a href="openapi.json">openapi.json</a>.</p>
<h2>Calls</h2>
{operations}
<h2>Shapes</h2>
{schemas}
</body></html>
"""


def _operation(path: str, method: str, operation: JsonObject) -> str:
    rows = [
        (parameter["name"], f"{parameter['in']}{', required' if parameter['required'] else ''}", parameter["schema"])
        for parameter in operation["parameters"]
    ]
    body = operation.get("requestBody")
    if body is not None:
        rows += [("body", media, content["schema"]) for media, content in body["content"].items()]
    answers = "".join(
        f"<tr><th>{escape(status)}<td>{escape(answer['description'])}<td>{_content(answer)}"
        for status, answer in operation["responses"].items()
    )
    asked = "".join(f"<tr><th>{escape(name)}<td>{escape(place)}<td>{_short(schema)}" for name, place, schema in rows)
    return (
        f"<details><summary><code>{method.upper()} {escape(path)}</code> {escape(operation['summary'])}</summary>"
        f"<table>{asked}</table><table>{answers}</table></details>"
    )


def _content(answer: JsonObject) -> str:
    return "".join(
        f"{escape(media)} {_short(content['schema'])}" for media, content in answer.get("content", {}).items()
    )


def _short(schema: JsonObject) -> str:
    reference = schema.get("$ref")
    if reference is not None:
        name = escape(reference.rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    return f"<code>{escape(msgspec.json.encode(schema).decode())}</code>"


def _schema(name: str, schema: JsonObject) -> str:
    text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
    return f'<details id="{escape(name)}"><summary>{escape(name)}</summary><pre>{escape(text)}</pre></details>'
