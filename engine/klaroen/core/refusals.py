"""Why something is refused, in the four languages in which Klaroen speaks to people.

Law: a refusal is a code with what it is about; its words stand here alone, each with its rule and article. What is
said in English when it happens is said in the caller's language by whoever answers him.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from msgspec import UNSET, Struct

from klaroen.core.errors import InputError, Problem, ProblemName, Saying
from klaroen.core.rules import WordsLanguage


class Row(Struct, frozen=True):
    rule: str | None
    words: Mapping[WordsLanguage, str]


def _row(rule: str | None, *, nl: str, fr: str, de: str, en: str) -> Row:
    return Row(rule, {"nl": nl, "fr": fr, "de": de, "en": en})


def say(sayings: Sequence[Saying], language: WordsLanguage = "en") -> str:
    return " ".join(ROWS[one.code].words[language].format_map(one.about) for one in sayings)


def rule_of(code: str) -> str | None:
    return ROWS[code].rule


def refuse(name: ProblemName, code: str, *, at: str | None = None, rule: str | None = None, **about: str) -> InputError:
    """Return the error that says so; `rule` is for rows that serve several rules."""
    saying = (Saying(code, about),)
    cited = rule or rule_of(code)
    return InputError.of(Problem(name, say(saying), at or UNSET, cited or UNSET, saying=saying))


ROWS: Final[Mapping[str, Row]] = {
    "unknown_network": _row(
        None,
        nl="Het register kent dit netwerk niet.",
        fr="Le registre ne connaît pas ce réseau.",
        de="Das Register kennt dieses Netz nicht.",
        en="The register holds no such network.",
    ),
    "not_recognised": _row(
        "R1",
        nl="De erkenning werd ingetrokken (art. 2).",
        fr="Sa reconnaissance a été retirée (art. 2).",
        de="Seine Anerkennung wurde entzogen (Art. 2).",
        en="Its recognition was withdrawn (art. 2).",
    ),
    "stopped": _row(
        "R1",
        nl="Het werd door de politie stopgezet (art. 3).",
        fr="Il a été arrêté par la police (art. 3).",
        de="Es wurde von der Polizei gestoppt (Art. 3).",
        en="It was stopped by the police (art. 3).",
    ),
    "stranger_police": _row(
        "R8",
        nl="Het is geen netwerk van de zone, en zijn zone stemde hier niet mee in (art. 8 d).",
        fr="Ce n’est pas un réseau de la zone, et sa zone n’y a pas consenti (art. 8 d).",
        de="Es ist kein Netz der Zone, und seine Zone hat dem nicht zugestimmt (Art. 8 d).",
        en="It is not the zone's own, and its zone has not agreed to this (art. 8 d).",
    ),
    "stranger_centre": _row(
        "R8",
        nl="Zijn zone stemde niet in met berichten van deze meldkamer (art. 8 d).",
        fr="Sa zone n’a pas consenti aux messages de ce dispatching (art. 8 d).",
        de="Seine Zone hat Nachrichten dieser Leitstelle nicht zugestimmt (Art. 8 d).",
        en="Its zone has not agreed to messages from this dispatch centre (art. 8 d).",
    ),
    "stranger_authority": _row(
        "R8",
        nl="Het ligt buiten het grondgebied van de overheid (art. 9 d).",
        fr="Il est hors du territoire de l’autorité (art. 9 d).",
        de="Es liegt außerhalb des Gebiets der Behörde (Art. 9 d).",
        en="It lies outside the authority's territory (art. 9 d).",
    ),
    "stranger_coordinator": _row(
        "R9",
        nl="Een coördinator schrijft alleen het eigen netwerk aan (art. 8 d).",
        fr="Un coordinateur n’écrit qu’à son propre réseau (art. 8 d).",
        de="Ein Koordinator schreibt nur dem eigenen Netz (Art. 8 d).",
        en="A coordinator sends to their own network only (art. 8 d).",
    ),
    "relieved": _row(
        "R23",
        nl="Deze coördinator is niet meer in functie (art. 8 b).",
        fr="Ce coordinateur n’est plus en fonction (art. 8 b).",
        de="Dieser Koordinator ist nicht mehr im Amt (Art. 8 b).",
        en="This coordinator is not in office any more (art. 8 b).",
    ),
    "warm_needs_grant": _row(
        "R9",
        nl="Een coördinator stuurt dringende berichten alleen onder een machtiging die ze noemt (art. 8 d).",
        fr="Un coordinateur n’envoie de l’urgent qu’avec une autorisation de la police qui le nomme (art. 8 d).",
        de="Ein Koordinator sendet Dringendes nur mit einer Ermächtigung der Polizei, die es nennt (Art. 8 d).",
        en="A coordinator sends warm messages only under a grant of the police that names them (art. 8 d).",
    ),
    "crisis_only": _row(
        "R10",
        nl="Alleen crisisoverheden sturen noodberichten (R10, art. 9 d).",
        fr="Seules les autorités de crise envoient des messages de crise (R10, art. 9 d).",
        de="Nur Krisenbehörden senden Krisennachrichten (R10, Art. 9 d).",
        en="Only crisis authorities send crisis messages (R10, art. 9 d).",
    ),
    "role_sends_no": _row(
        "R8",
        nl="Een token met rol {role} stuurt geen berichten van klasse {alert_class} (R8, art. 8 d).",
        fr="Un jeton de rôle {role} n’envoie pas de messages de classe {alert_class} (R8, art. 8 d).",
        de="Ein Token der Rolle {role} sendet keine Nachrichten der Klasse {alert_class} (R8, Art. 8 d).",
        en="A token of role {role} sends no {alert_class} messages (R8, art. 8 d).",
    ),
    "role_may_not": _row(
        None,
        nl="De rol {role} mag dat niet ({article}).",
        fr="Le rôle {role} ne le permet pas ({article}).",
        de="Die Rolle {role} darf das nicht ({article}).",
        en="The role {role} may not do that ({article}).",
    ),
    "verb_not_allowed": _row(
        "R8",
        nl="Dit token mag dat met dit bericht niet doen (art. 8 d).",
        fr="Ce jeton ne peut pas faire cela avec ce message (art. 8 d).",
        de="Dieses Token darf das mit dieser Nachricht nicht (Art. 8 d).",
        en="This token may not do that to this alert (art. 8 d).",
    ),
    "needs_officer": _row(
        "R24",
        nl="Over een bericht van een coördinator beslist een gemandateerde van alle betrokken zones (art. 8 d).",
        fr="Un message d’un coordinateur est décidé par un mandaté de toutes les zones concernées (art. 8 d).",
        de="Über die Nachricht eines Koordinators entscheidet ein Beauftragter aller betroffenen Zonen (Art. 8 d).",
        en="A coordinator's message is decided by an officer of all the zones that it concerns (art. 8 d).",
    ),
    "needs_colleague": _row(
        "R8",
        nl="Een tweede persoon beslist, die het zelf had mogen sturen: niet de afzender (vier ogen).",
        fr="Une deuxième personne décide, qui aurait pu l’envoyer elle-même : pas l’expéditeur (quatre yeux).",
        de="Eine zweite Person entscheidet, die es selbst hätte senden dürfen: nicht der Absender (vier Augen).",
        en="A second person decides who could have sent it: not the sender (four eyes).",
    ),
    "nobody_one": _row(
        None,
        nl="Er blijft geen netwerk over om te verwittigen: {network} wordt geweigerd.",
        fr="Il ne reste aucun réseau à avertir : {network} est refusé.",
        de="Kein Netz bleibt zu warnen: {network} wird abgelehnt.",
        en="No network is left to warn: {network} is refused.",
    ),
    "nobody_all": _row(
        None,
        nl="Er blijft geen netwerk over om te verwittigen: alle {count} worden geweigerd.",
        fr="Il ne reste aucun réseau à avertir : les {count} visés sont refusés.",
        de="Kein Netz bleibt zu warnen: alle {count} angeschriebenen werden abgelehnt.",
        en="No network is left to warn: all {count} that are targeted are refused.",
    ),
    "nobody_located": _row(
        None,
        nl="Er blijft geen netwerk over om te verwittigen: {count} hebben geen plaats op de kaart.",
        fr="Il ne reste aucun réseau à avertir : {count} n’ont pas de place sur la carte.",
        de="Kein Netz bleibt zu warnen: {count} haben keinen Ort auf der Karte.",
        en="No network is left to warn: {count} have no place on the map.",
    ),
    "nobody_named": _row(
        None,
        nl="De doelen noemen geen netwerk.",
        fr="Les cibles ne nomment aucun réseau.",
        de="Die Ziele nennen kein Netz.",
        en="The targets name no network.",
    ),
}
