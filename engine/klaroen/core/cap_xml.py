"""An XML document as it was posted: read strictly and within bounds, into a tree of names and texts.

Law: a document type is refused before anything of it is read, so that no entity is ever defined, expanded or fetched;
depth and number of elements are bounded while they are counted, not afterwards. A fault never quotes a text. What comes
out is what XML defines: CR LF has become LF, character references have become characters.
"""

from typing import Final, NoReturn
from xml.parsers import expat

from klaroen.core.errors import InputError

NESTING_MAX: Final = 32
"""As in JSON; the deepest element that CAP defines lies five deep, a signature's nine."""
ELEMENTS_MAX: Final = 50_000
"""A national message of 581 municipalities in four languages has some 10,000."""


class Element:
    """`name` is "namespace local"; `text` is all that stands directly in it; `path` tells a reader where."""

    __slots__ = ("children", "name", "pieces")

    def __init__(self, name: str) -> None:
        self.name = name
        self.children: list[Element] = []
        self.pieces: list[str] = []

    @property
    def text(self) -> str:
        return "".join(self.pieces)


def read_xml(body: bytes) -> Element:
    """Return the root.

    Raises InputError `malformed`: not UTF-8, not well-formed, a document type, nested too deep, too many elements.
    """
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InputError("malformed", f"The body is not UTF-8 at byte {error.start}.") from None
    return _Reader().read(body)


class _Reader:
    def __init__(self) -> None:
        self._root: Element | None = None
        self._open: list[Element] = []
        self._count = 0

    def read(self, body: bytes) -> Element:
        parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text = True
        parser.XmlDeclHandler = self._declared
        parser.StartDoctypeDeclHandler = self._document_type
        parser.StartElementHandler = self._begin
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        try:
            parser.Parse(body, True)
        except expat.ExpatError as error:
            where = f"line {error.lineno}, column {error.offset}"
            raise InputError("malformed", f"The body is not XML: it cannot be read at {where}.") from None
        assert self._root is not None, "a document without a root is not well-formed"
        return self._root

    @staticmethod
    def _declared(_version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() not in ("utf-8", "us-ascii"):
            raise InputError("malformed", "The body declares another encoding than UTF-8.")

    @staticmethod
    def _document_type(*_: object) -> NoReturn:
        raise InputError("malformed", "The body has a document type, which is never read: it could define entities.")

    def _begin(self, name: str, _attributes: dict[str, str]) -> None:
        element = Element(name)
        self._count += 1
        if self._count > ELEMENTS_MAX:
            raise InputError("malformed", f"The body has more than {ELEMENTS_MAX} elements.")
        if self._open:
            if len(self._open) >= NESTING_MAX:
                raise InputError("malformed", f"The body nests deeper than {NESTING_MAX}.")
            self._open[-1].children.append(element)
        else:
            self._root = element
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].pieces.append(text)
