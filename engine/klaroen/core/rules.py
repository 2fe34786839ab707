"""The rules of the circular as users meet them: each with its article, in their language.

Law: a rule is named by its id everywhere else; its words stand here alone. Only the rules that this version applies
have a row.
"""

from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

WordsLanguage = Literal["nl", "fr", "de", "en"]


class Rule(Struct, frozen=True):
    article: str
    words: Mapping[WordsLanguage, str]


def _rule(article: str, *, nl: str, fr: str, de: str, en: str) -> Rule:
    return Rule(article, {"nl": nl, "fr": fr, "de": de, "en": en})


RULES: Final[Mapping[str, Rule]] = {
    "R1": _rule(
        "art. 2, 3, 6",
        nl="Alleen een erkend netwerk dat niet is stopgezet, krijgt berichten.",
        fr="Seul un réseau reconnu et non arrêté reçoit des messages.",
        de="Nur ein anerkanntes, nicht gestopptes Netz erhält Nachrichten.",
        en="Only a recognised network that is not stopped receives messages.",
    ),
    "R4": _rule(
        "art. 8 c",
        nl="Alleen wie actief lid is van een aangeschreven netwerk, wordt verwittigd.",
        fr="Seuls les membres actifs d’un réseau visé sont avertis.",
        de="Nur aktive Mitglieder eines angeschriebenen Netzes werden gewarnt.",
        en="Only active members of a targeted network are warned.",
    ),
    "R5": _rule(
        "art. 9 b",
        nl="Wie in meer dan één netwerk zit, krijgt één bericht; een gedeeld nummer dient één keer (lezing).",
        fr="Qui appartient à plusieurs réseaux reçoit un seul message ; un numéro partagé sert une fois (lecture).",
        de="Wer mehreren Netzen angehört, erhält eine Nachricht; eine geteilte Nummer dient einmal (Lesart).",
        en="A person in several networks gets one message; a shared number is used once (reading).",
    ),
    "R8": _rule(
        "art. 8 d",
        nl="Berichten vertrekken met instemming van de politie: een zone naar haar netwerken, anderen na akkoord.",
        fr="Les messages partent avec l’accord de la police : une zone vers ses réseaux, les autres sur convention.",
        de="Nachrichten gehen mit Zustimmung der Polizei aus: eine Zone an ihre Netze, andere nach Vereinbarung.",
        en="Messages leave with the police's consent: a zone to its own networks, others by agreement.",
    ),
    "R10": _rule(
        "art. 9 d",
        nl="Alleen crisisoverheden sturen noodberichten, binnen hun gebied; de tekst wordt letterlijk overgenomen.",
        fr="Seule une autorité de crise envoie un message de crise, sur son territoire ; le texte reste littéral.",
        de="Nur Krisenbehörden senden Krisennachrichten, in ihrem Gebiet; der Text wird wörtlich übernommen.",
        en="Only crisis authorities send crisis messages, within their territory; the text is copied literally.",
    ),
    "R12": _rule(
        "art. 9 b, bijlage/annexe/Anlage/annex 2",
        nl="Het communicatieplan bepaalt welke kanalen het netwerk gebruikt.",
        fr="Le plan de communication fixe les canaux du réseau.",
        de="Der Kommunikationsplan bestimmt die Kanäle des Netzes.",
        en="The communication plan says which channels the network uses.",
    ),
    "R13": _rule(
        "art. 9 b, bijlage/annexe/Anlage/annex 4",
        nl="Dringende berichten gaan via sociale media waar zone, plan, huisregels en soort netwerk dat toelaten.",
        fr="L’urgent ne passe par les médias sociaux que si zone, plan, règles et type de réseau le permettent.",
        de="Dringendes geht nur dort über soziale Medien, wo Zone, Plan, Hausregeln und Art des Netzes es erlauben.",
        en="Urgent messages go by social media only where zone, plan, house rules and kind of network allow it.",
    ),
    "R14": _rule(
        "art. 9 b",
        nl="Het plan ordent de kanalen per uur; de voorkeur van een lid gaat voor, binnen het plan.",
        fr="Le plan ordonne les canaux par heure ; la préférence d’un membre passe d’abord, dans le plan.",
        de="Der Plan ordnet die Kanäle nach Stunde; der Wunsch eines Mitglieds geht vor, im Rahmen des Plans.",
        en="The plan orders the channels by hour; a member's preference comes first, within the plan.",
    ),
    "R15": _rule(
        "art. 9 b",
        nl="Zonder bewijs van aankomst binnen de wachttijd volgt het volgende kanaal.",
        fr="Sans preuve d’arrivée dans le délai, le canal suivant est utilisé.",
        de="Ohne Ankunftsnachweis in der Wartezeit folgt der nächste Kanal.",
        en="Without proof of arrival within the waiting time, the next channel is tried.",
    ),
    "R16": _rule(
        "taalwetten/lois linguistiques/Sprachengesetze/language laws",
        nl="De taal is die van het netwerk; ontbreekt ze, dan de volgende van het netwerk of de eerste tekst (lezing).",
        fr="La langue est celle du réseau ; à défaut, sa langue suivante ou le premier texte fourni (lecture).",
        de="Die Sprache ist die des Netzes; fehlt sie, seine nächste Sprache oder der erste Text (Lesart).",
        en="The language is the network's; if missing, its next one or the first text supplied (reading).",
    ),
    "R18": _rule(
        "art. 9 b",
        nl="Wie een bericht kreeg, krijgt ook de opvolging ervan, als hij nog lid is.",
        fr="Qui a reçu un message en reçoit aussi la suite, s’il est toujours membre.",
        de="Wer eine Nachricht erhielt, erhält auch deren Fortsetzung, solange er Mitglied ist.",
        en="Who got a message also gets what follows it, while still a member.",
    ),
}
