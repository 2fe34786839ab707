"""The functions of ours that read octets, found by their names and annotations."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = (ROOT / "engine" / "klaroen", ROOT / "adapters" / "klaroen_adapters")
APART = ("testing", "cli")
"""What tests and commands are made of: nobody else's octets come there."""

READS = re.compile(
    r"(read|parse|decode|feed|receive|unpack|interpret|split|thaw|reopen|signed|authentic|verify|question|answer"
    r"|challenge|network_error|address|data_received)(_\w+)?\Z|gsm7_decode\Z"
)
"""How those are called that make something of octets; whoever only writes, keeps or hashes them is called otherwise."""


def octet_readers() -> Iterator[str]:
    """Yield "module.function" or "module.Class.method" of each that is public, reads, and says that it takes bytes."""
    for package in PACKAGES:
        for path in sorted(package.rglob("*.py")):
            module = path.relative_to(package).with_suffix("")
            if module.parts[0] not in APART:
                yield from _in_body(ast.parse(path.read_text()).body, ".".join(module.parts))


def _in_body(body: list[ast.stmt], at: str) -> Iterator[str]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _in_body(node.body, f"{at}.{node.name}")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            arguments = (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
            if READS.match(node.name) and any(
                one.annotation is not None and "bytes" in ast.unparse(one.annotation) for one in arguments
            ):
                yield f"{at}.{node.name}"
