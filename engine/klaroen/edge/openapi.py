"""The interface, described (OpenAPI 3.1): made from the table of routes and from the very types that are served.

Law: nothing is described by hand that a type or the table says; every status that a call can answer with stands here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any, Final

import msgspec
from msgspec import structs

from klaroen.core.errors import PROBLEMS, ProblemName
from klaroen.core.views import StatusView
from klaroen.edge.problems import TYPES, ProblemView
from klaroen.edge.queries import Query
from klaroen.edge.recordings import MEDIA as RECORDING_MEDIA
from klaroen.edge.recordings import RECORDING_BYTES_MAX
from klaroen.edge.routes import ROUTES, Route
from klaroen_adapters.sms.gateway import RECEIPTS_MAX

EVERY_CALL: Final[tuple[ProblemName, ...]] = ("malformed", "too-large", "internal-error", "unavailable")
"""Any request can be one that cannot be read, has too large a head, meets a fault of ours, or comes while we stop."""
SECURED: Final[tuple[ProblemName, ...]] = ("unauthenticated", "too-many-requests")
LANGUAGE: Final = {"Accept-Language": "nl, fr, de or en: the language of whatever the answer says in words"}
REFS: Final = "#/components/schemas/{name}"

JsonObject = dict[str, Any]


def document(routes: Iterable[Route] = ROUTES) -> JsonObject:
    """Return the whole document."""
    routes = tuple(routes)
    types: list[Any] = [ProblemView]
    for route in routes:
        types += [one for one in (route.answer, route.or_else, route.body, route.query) if isinstance(one, type)]
    unique = list(dict.fromkeys(types))
    schemas, components = msgspec.json.schema_components(unique, ref_template=REFS)
    described = dict(zip(unique, schemas, strict=True))
    queries = {one.__name__ for one in unique if issubclass(one, Query)}
    paths: dict[str, JsonObject] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, described, components)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Klaroen",
            "version": version("klaroen"),
            "description": "Alerts from police and crisis authorities to neighbourhood information networks.",
        },
        "paths": dict(paths),
        "components": {
            "schemas": {name: _plain(schema) for name, schema in components.items() if name not in queries},
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "From `klaroen token create`."},
                "certificate": {"type": "mutualTLS", "description": "Its common name is the name of a token."},
            },
        },
    }


def _plain(schema: Any) -> Any:
    """Return the schema with tuples of one kind as lists of a length, which every reader of schemas understands."""
    if isinstance(schema, list):
        return [_plain(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {name: _plain(one) for name, one in schema.items()}
    kinds = plain.get("prefixItems", [])
    if kinds and all(kind == kinds[0] for kind in kinds):
        del plain["prefixItems"]
        plain["items"] = kinds[0]
    return plain


def _operation(route: Route, described: Mapping[type, JsonObject], components: Mapping[str, Any]) -> JsonObject:
    operation: JsonObject = {
        "operationId": route.endpoint.__name__,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route, components), *_header_parameters(route)],
        "responses": _responses(route, described),
        "security": [{"token": []}, {"certificate": []}] if route.secured else _open_security(route),
    }
    if route.body is not None:
        content: JsonObject = {media: {"schema": _body(route, described)} for media in _media(route)}
        for media, words in route.documents.items():
            content[media] = {"schema": {"type": "string", "description": words}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _open_security(route: Route) -> list[JsonObject]:
    """A carrier's receipts are signed, or show a token; the rest is open."""
    return [{}, {"token": []}] if "unauthenticated" in route.problems else []


def _media(route: Route) -> tuple[str, ...]:
    if route.body == "recording":
        return RECORDING_MEDIA
    return ("application/x-www-form-urlencoded",) if route.body == "form" else ("application/json",)


def _body(route: Route, described: Mapping[type, JsonObject]) -> JsonObject:
    if isinstance(route.body, type):
        return described[route.body]
    if route.body == "form":
        return {"type": "object", "additionalProperties": {"type": "string"}, "description": "As the carrier has it."}
    if route.body == "recording":
        words = f"The file: at most {RECORDING_BYTES_MAX} bytes. What it is, its octets tell."
        return {"type": "string", "format": "binary", "minLength": 1, "description": words}
    return {
        "type": "array",
        "maxItems": RECEIPTS_MAX,
        "items": {"type": "object"},
        "description": "In the shape of the carrier's profile.",
    }


# --- parameters -----------------------------------------------------------------------------------------------------


def _path_parameters(route: Route) -> list[JsonObject]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": pattern}}
        for name, pattern in route.parameters.items()
    ]


def _query_parameters(route: Route, components: Mapping[str, Any]) -> list[JsonObject]:
    fields = structs.fields(route.query)
    properties = components[route.query.__name__]["properties"] if fields else {}
    return [
        {"name": field.encode_name, "in": "query", "required": False, "schema": _given(properties[field.encode_name])}
        for field in fields
    ]


def _given(schema: JsonObject) -> JsonObject:
    """Return the schema of a parameter that was given: it is absent or something, never null."""
    choices = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    return choices[0] if len(choices) == 1 else schema


def _header_parameters(route: Route) -> list[JsonObject]:
    parameters = []
    for name, words in {**route.headers, **(LANGUAGE if route.secured else {})}.items():
        key = name == "Idempotency-Key"
        schema: JsonObject = {"type": "string"}
        if key:
            schema |= {"pattern": "^[!-~]{1,128}$", "minLength": 1, "maxLength": 128}
        parameters.append({"name": name, "in": "header", "required": key, "description": words, "schema": schema})
    return parameters


# --- responses ------------------------------------------------------------------------------------------------------


def _responses(route: Route, described: Mapping[type, JsonObject]) -> JsonObject:
    responses = {str(route.success): _success(route, described)}
    for status, words in route.others.items():
        plain = {} if status == 204 else {"content": {"text/plain": {"schema": {"type": "string"}}}}
        responses[str(status)] = {"description": words, **plain}
    by_status: dict[int, list[ProblemName]] = defaultdict(list)
    for name in (*EVERY_CALL, *(SECURED if route.secured else ()), *route.problems):
        by_status[PROBLEMS[name][0]].append(name)
    for status in sorted(by_status):
        responses[str(status)] = _problem(status, list(dict.fromkeys(by_status[status])), described)
    return responses


def _success(route: Route, described: Mapping[type, JsonObject]) -> JsonObject:
    if route.success == 204:
        return {"description": "Done; there is nothing to say"}
    schema: JsonObject = {"type": "string"}
    if route.media == "text/event-stream":
        schema = _event(described[StatusView])
    elif route.answer is not None:
        schema = described[route.answer]
        if route.or_else is not None:
            schema = {"anyOf": [schema, described[route.or_else]]}
    elif route.media == "application/json":
        schema = {"type": "object"}
    response: JsonObject = {"description": route.summary, "content": {route.media: {"schema": schema}}}
    if route.success == 202:
        words = "Where the alert can be seen; absent where a CAP message made none"
        response["headers"] = {"Location": {"description": words, "schema": {"type": "string"}}}
    return response


def _event(data: JsonObject) -> JsonObject:
    """One event of the stream; what its `data` holds is JSON."""
    return {
        "type": "object",
        "required": ["id", "event", "data"],
        "properties": {
            "id": {"type": "string", "pattern": "^[0-9]+$"},
            "event": {"enum": ["snapshot", "change"]},
            "data": {"type": "string", "contentMediaType": "application/json", "contentSchema": data},
        },
    }


def _problem(status: int, names: list[ProblemName], described: Mapping[type, JsonObject]) -> JsonObject:
    response: JsonObject = {
        "description": "; ".join(f"`{TYPES}{name}`: {PROBLEMS[name][1]}" for name in names),
        "content": {"application/problem+json": {"schema": described[ProblemView]}},
    }
    headers = {}
    if status in {429, 503}:
        headers["Retry-After"] = _header("Seconds after which to come back", "integer")
    if status == 401:
        headers["WWW-Authenticate"] = _header("The scheme that is asked for", "string")
    if status == 405:
        headers["Allow"] = _header("The methods that are taken", "string")
    if headers:
        response["headers"] = headers
    return response


def _header(words: str, kind: str) -> JsonObject:
    return {"description": words, "required": True, "schema": {"type": kind}}
