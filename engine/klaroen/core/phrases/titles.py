"""The titles of problems (RFC 9457), in the reader's language; English stands in `core.errors`."""

from collections.abc import Mapping
from typing import Final

from klaroen.core.errors import PROBLEMS, ProblemName
from klaroen.core.phrases.phrase import Phrase, phrase

_TITLES: Final[Mapping[ProblemName, tuple[str, str, str]]] = {
    "malformed": (
        "Het verzoek is onleesbaar", "La requête est illisible", "Die Anfrage ist unlesbar",
    ),
    "idempotency-key-missing": (
        "De header Idempotency-Key is verplicht", "L’en-tête Idempotency-Key est obligatoire",
        "Der Header Idempotency-Key ist Pflicht",
    ),
    "unauthenticated": (
        "Een geldig token is verplicht", "Un jeton valable est obligatoire", "Ein gültiges Token ist Pflicht",
    ),
    "not-allowed": (
        "Dit token mag dat niet", "Ce jeton ne le permet pas", "Dieses Token darf das nicht",
    ),
    "not-found": (
        "Dat bestaat niet, of dit token mag het niet zien", "Cela n’existe pas, ou ce jeton ne peut pas le voir",
        "Das gibt es nicht, oder dieses Token darf es nicht sehen",
    ),
    "method-not-allowed": (
        "Deze bron kent die methode niet", "Cette ressource n’accepte pas cette méthode",
        "Diese Ressource kennt die Methode nicht",
    ),
    "state": (
        "De toestand van het bericht laat dat niet toe", "L’état du message ne le permet pas",
        "Der Zustand der Nachricht lässt das nicht zu",
    ),
    "too-large": (
        "Het verzoek is te groot", "La requête est trop grande", "Die Anfrage ist zu groß",
    ),
    "unsupported-media-type": (
        "Dit soort inhoud wordt hier niet aangenomen", "Ce type de contenu n’est pas accepté ici",
        "Diese Art Inhalt wird hier nicht angenommen",
    ),
    "invalid": (
        "Een veld schendt een regel", "Un champ enfreint une règle", "Ein Feld verletzt eine Regel",
    ),
    "nobody": (
        "Niemand zou verwittigd worden", "Personne ne serait averti", "Niemand würde gewarnt",
    ),
    "key-reused": (
        "Deze Idempotency-Key diende al voor een ander verzoek", "Cet Idempotency-Key a servi pour une autre requête",
        "Dieser Idempotency-Key diente schon einer anderen Anfrage",
    ),
    "too-many-requests": (
        "Te veel verzoeken", "Trop de requêtes", "Zu viele Anfragen",
    ),
    "internal-error": (
        "Klaroen faalde hierin; de fout ligt bij Klaroen zelf", "Klaroen a échoué ; la faute est la sienne",
        "Klaroen scheiterte daran; der Fehler liegt bei Klaroen selbst",
    ),
    "unavailable": (
        "Klaroen kan dit nu niet aannemen", "Klaroen ne peut pas prendre cela maintenant",
        "Klaroen kann das jetzt nicht annehmen",
    ),
}  # fmt: skip

TITLES: Final[Mapping[str, Phrase]] = {
    f"title_{name}": phrase(None, nl=nl, fr=fr, de=de, en=PROBLEMS[name][1]) for name, (nl, fr, de) in _TITLES.items()
}
