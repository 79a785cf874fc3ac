"""The two HTML documents of the server: the page to draw on, and the description of the API. Each has its security policy."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any

Document = tuple[str, bytes]
"""A Content-Security-Policy, and the HTML."""
Values = dict[str, Any]
"""A part of the OpenAPI document."""

STYLE = """
:root { --paper: #f7f4ec; --card: #fffdf8; --line: #dcd6c8; --text: #22211d; --quiet: #5f5a4e;
  --digit: #224bb8; --sum: #b23a0e; }
@media (prefers-color-scheme: dark) { :root { --paper: #101a17; --card: #16231f; --line: #2d3f39; --text: #f0efe6;
  --quiet: #a9b8b1; --digit: #94b8ff; --sum: #ffb083; } }
* { box-sizing: border-box; }
html { background: var(--paper); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0 auto; max-width: 860px; padding: 20px 20px 60px; }
h1, h2 { font-family: Georgia, serif; line-height: 1.2; }
h2 { margin: 44px 0 6px; padding-top: 18px; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
h2 b { color: var(--sum); }
h3 { font-size: 16px; margin: 18px 0 4px; }
a { color: var(--digit); }
code { font-family: ui-monospace, monospace; font-size: 14px; overflow-wrap: anywhere; }
pre { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 10px 12px; white-space: pre-wrap; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--quiet); font-weight: 400; }
th[scope=row] { font-weight: 400; min-width: 90px; }
nav ul { padding-left: 20px; }
"""


def load_page() -> Document:
    """Return the page to draw on. Its policy allows requests to this server only."""
    page = (files("seesum.server") / "page.html").read_bytes()
    return _make_policy(page, "img-src data: blob:; connect-src 'self'; "), page


def describe_api(api: Values) -> Document:
    """Return a page that describes the API for people, made from the OpenAPI document. It has no scripts."""
    operations = [
        (f"{method}{path}".replace("/", "-"), method.upper(), path, values)
        for path, methods in api["paths"].items()
        for method, values in methods.items()
    ]
    contents = "".join(f'<li><a href="#{name}">{method} {escape(path)}</a></li>' for name, method, path, _ in operations)
    sections = "".join(_describe_operation(name, method, path, values) for name, method, path, values in operations)
    version = escape(api["info"]["version"])
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>seesum: the HTTP API</title>
<style>{STYLE}</style>
</head>
<body>
<h1>The HTTP API of seesum {version}</h1>
<p>Send a picture of a handwritten digit and a number to add. The answer has the digit and the sum.
Programs can read the same description at <a href="openapi.json">openapi.json</a>.
<a href="./">Back to the page to draw on</a>.</p>
<p>With curl, where ADDRESS is the address of this page without <code>/docs</code>:</p>
<pre><code>curl -F image=@three.png -F add=7 ADDRESS/predict</code></pre>
<p>The header <code>Seesum-Network</code> of every answer has an id of the network. It changes when the server starts with
another one.</p>
<p>An error has a status from 400 on, and a body <code>{{"error": "one sentence"}}</code>.</p>
<nav aria-label="Paths"><ul>{contents}</ul></nav>
<main>{sections}</main>
</body>
</html>
"""
    text = page.encode()
    return _make_policy(text), text


def _make_policy(page: bytes, more: str = "") -> str:
    """Return a Content-Security-Policy that allows only the page's own scripts and styles, by their hashes."""
    hashes = {}
    for kind in (b"script", b"style"):
        texts = re.findall(rb"<%b>(.*?)</%b>" % (kind, kind), page, re.DOTALL)
        listed = [f"'sha256-{base64.b64encode(hashlib.sha256(text).digest()).decode()}'" for text in texts]
        hashes[kind] = " ".join(listed) or "'none'"
    return (
        f"default-src 'none'; script-src {hashes[b'script']}; style-src {hashes[b'style']}; {more}"
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )


def _describe_operation(name: str, method: str, path: str, values: Values) -> str:
    """Return the section of one method of one path."""
    parts = [f'<section><h2 id="{name}"><b>{method}</b> <code>{escape(path)}</code></h2><p>{escape(values["summary"])}</p>']
    if "parameters" in values:
        fields = {f"?{one['name']}=": one["schema"] for one in values["parameters"]}
        parts.append(f"<h3>Parameters</h3>{_write_table(fields.items(), set())}")
    for media, content in values.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h3>Body as <code>{escape(media)}</code></h3>{_describe_schema(content['schema'])}")
        for example in content.get("examples", {}).values():
            parts.append(f"<h3>Example</h3><pre><code>{escape(json.dumps(example['value']))}</code></pre>")
    rows = []
    for status, response in values["responses"].items():
        rows.append(f'<tr><th scope="row">{escape(status)}</th><td>{escape(response["description"])}</td></tr>')
        if status == "200":
            for media, content in response.get("content", {}).items():
                parts.append(f"<h3>Answer as <code>{escape(media)}</code></h3>{_describe_schema(content['schema'])}")
    parts.append(f"<h3>Statuses</h3><table><tbody>{''.join(rows)}</tbody></table></section>")
    return "".join(parts)


def _describe_schema(schema: Values) -> str:
    """Return a table of the fields of an object, or a sentence for anything else."""
    fields = list(list_fields(schema))
    return _write_table(fields, set(schema.get("required", ()))) if fields else f"<p>{escape(name_kind(schema))}</p>"


def list_fields(schema: Values, before: str = "") -> Iterator[tuple[str, Values]]:
    """Yield the fields of an object, and of the objects in its lists, as ``answers[].digit``."""
    for field, inner in schema.get("properties", {}).items():
        yield before + field, inner
        items = inner.get("items", {})
        yield from list_fields(items.get("anyOf", [items])[0], f"{before}{field}[].")


def _write_table(fields: Any, required: set[str]) -> str:
    rows = "".join(
        f'<tr><th scope="row"><code>{escape(field)}</code></th><td>{escape(name_kind(schema))}'
        f"{', required' if field in required else ''}</td><td>{escape(schema.get('description', ''))}</td></tr>"
        for field, schema in fields
    )
    return f"<table><thead><tr><th>Field</th><th>Type</th><th>Meaning</th></tr></thead><tbody>{rows}</tbody></table>"


def name_kind(schema: Values) -> str:
    """Return the type of a field in a few words, such as ``list of 10 numbers``."""
    kind = schema.get("type", "object")
    if kind == "array":
        items = schema["items"]
        least, most = schema.get("minItems"), schema.get("maxItems")
        count = "" if most is None else f" of {most}" if least == most else f" of {least} to {most}"
        inner = f"lists, each a {name_kind(items)}" if items.get("type") == "array" else f"{items.get('type', 'object')}s"
        return f"list{count or ' of'} {inner}"
    if schema.get("format") == "binary":
        return "file"
    if schema.get("contentEncoding"):
        return f"{schema['contentEncoding']} text"
    if kind == "integer" and "maximum" in schema:
        return f"integer, {schema['minimum']:g} to {schema['maximum']:g}"
    if "default" in schema:
        return f"{kind}, {json.dumps(schema['default'])} if left out"
    return str(kind)
