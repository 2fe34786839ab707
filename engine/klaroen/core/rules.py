"""The rules of the circular as users meet them: each with its article, in their language.

Law: a rule is named by its id everywhere else; its words stand here alone, and say so where a rule is our reading.
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
    "R2": _rule(
        "art. 6, bijlage/annexe/Anlage/annex 2",
        nl="Een erkend netwerk noemt zijn gebied, mensen, plan en evaluatie.",
        fr="Un réseau reconnu indique son territoire, ses personnes, son plan et son évaluation.",
        de="Ein anerkanntes Netz nennt Gebiet, Personen, Plan und Auswertung.",
        en="A recognised network names its area, people, plan and evaluation.",
    ),
    "R3": _rule(
        "art. 6, 9 c",
        nl="Het communicatieplan dat op die dag gold, is gevolgd.",
        fr="Le plan de communication en vigueur ce jour-là a été suivi.",
        de="Es galt der Kommunikationsplan dieses Tages.",
        en="The communication plan in force on that day was followed.",
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
    "R6": _rule(
        "art. 5, 9 b",
        nl="Elk actief lid moet op elk uur dringende berichten kunnen krijgen.",
        fr="Tout membre actif doit pouvoir recevoir l’urgent à toute heure.",
        de="Jedes aktive Mitglied muss zu jeder Stunde Dringendes erhalten können.",
        en="Every active member must be able to receive warm messages at every hour.",
    ),
    "R7": _rule(
        "art. 8 b, bijlage/annexe/Anlage/annex 1",
        nl="Contactgegevens zien alleen de lijstbeheerder en de politie.",
        fr="Seuls le gestionnaire de la liste et la police voient les coordonnées.",
        de="Kontaktdaten sehen nur Listenführer und Polizei.",
        en="Contact data is seen by the list keeper and the police alone.",
    ),
    "R8": _rule(
        "art. 8 d",
        nl="Berichten vertrekken met instemming van de politie: een zone naar haar netwerken, anderen na akkoord.",
        fr="Les messages partent avec l’accord de la police : une zone vers ses réseaux, les autres sur convention.",
        de="Nachrichten gehen mit Zustimmung der Polizei aus: eine Zone an ihre Netze, andere nach Vereinbarung.",
        en="Messages leave with the police's consent: a zone to its own networks, others by agreement.",
    ),
    "R9": _rule(
        "art. 8 d",
        nl=(
            "De politie machtigde de coördinator; gemandateerden krijgen meteen een kopie, en intrekking "
            "stopt wat nog niet weg is (lezing)."
        ),
        fr=(
            "La police a autorisé le coordinateur ; les mandatés ont aussitôt copie, et le retrait arrête ce "
            "qui n’est pas parti (lecture)."
        ),
        de=(
            "Die Polizei ermächtigte den Koordinator; Beauftragte erhalten sofort eine Kopie, und der Entzug "
            "stoppt, was noch nicht fort ist (Lesart)."
        ),
        en=(
            "The police granted it to the coordinator; officers get a copy at once, and withdrawal stops "
            "what has not left (reading)."
        ),
    ),
    "R10": _rule(
        "art. 9 d",
        nl="Alleen crisisoverheden sturen noodberichten, binnen hun gebied; de tekst wordt letterlijk overgenomen.",
        fr="Seule une autorité de crise envoie un message de crise, sur son territoire ; le texte reste littéral.",
        de="Nur Krisenbehörden senden Krisennachrichten, in ihrem Gebiet; der Text wird wörtlich übernommen.",
        en="Only crisis authorities send crisis messages, within their territory; the text is copied literally.",
    ),
    "R11": _rule(
        "art. 9 b, bijlage/annexe/Anlage/annex 2",
        nl=(
            "Bij twee niveaus wordt eerst de coördinator verwittigd; bevestigt die niet op tijd, dan de "
            "leden rechtstreeks (lezing)."
        ),
        fr=(
            "À deux niveaux, le coordinateur est averti d’abord ; sans confirmation à temps, les membres "
            "directement (lecture)."
        ),
        de=(
            "Bei zwei Ebenen wird erst der Koordinator gewarnt; bestätigt er nicht rechtzeitig, die "
            "Mitglieder direkt (Lesart)."
        ),
        en="With two levels the coordinator is warned first; without confirmation in time, members directly (reading).",
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
    "R17": _rule(
        "art. 9 a",
        nl="Meldingen gaan naar de politie; een antwoord krijgt één keer de zin van de zone.",
        fr="Les signalements vont à la police ; une réponse reçoit une fois la phrase de la zone.",
        de="Meldungen gehen an die Polizei; eine Antwort erhält einmal den Satz der Zone.",
        en="Reports go to the police; a reply is answered once with the zone’s sentence.",
    ),
    "R18": _rule(
        "art. 9 b",
        nl="Wie een bericht kreeg, krijgt ook de opvolging ervan, als hij nog lid is.",
        fr="Qui a reçu un message en reçoit aussi la suite, s’il est toujours membre.",
        de="Wer eine Nachricht erhielt, erhält auch deren Fortsetzung, solange er Mitglied ist.",
        en="Who got a message also gets what follows it, while still a member.",
    ),
    "R19": _rule(
        "folder/dépliant/Faltblatt/leaflet",
        nl="Een gemandateerde sprak het bericht in, beluisterde en bevestigde het (lezing).",
        fr="Un mandaté a dicté le message, l’a réécouté et confirmé (lecture).",
        de="Ein Beauftragter sprach die Nachricht ein, hörte sie ab und bestätigte sie (Lesart).",
        en="An officer spoke the message, heard it back and confirmed it (reading).",
    ),
    "R20": _rule(
        "art. 7",
        nl="Elk netwerk wordt minstens om de drie jaar geëvalueerd.",
        fr="Chaque réseau est évalué au moins tous les trois ans.",
        de="Jedes Netz wird mindestens alle drei Jahre ausgewertet.",
        en="Each network is evaluated at least every three years.",
    ),
    "R21": _rule(
        "art. 12",
        nl="De kosten worden volgens de afspraken verdeeld.",
        fr="Les coûts sont répartis comme convenu.",
        de="Die Kosten werden wie vereinbart geteilt.",
        en="Costs are shared as agreed.",
    ),
    "R22": _rule(
        "art. 8 d",
        nl="Wie wat wanneer aan wie stuurde, wordt bewaard.",
        fr="Qui a envoyé quoi, quand et à qui est conservé.",
        de="Wer was wann wem sandte, wird aufbewahrt.",
        en="Who sent what, when and to whom is kept.",
    ),
    "R23": _rule(
        "art. 8 b",
        nl="Een coördinator die ontheven is, verliest meteen machtiging, toegang en lijst.",
        fr="Un coordinateur relevé perd aussitôt autorisation, accès et liste.",
        de="Ein abberufener Koordinator verliert sofort Ermächtigung, Zugang und Liste.",
        en="A coordinator who is relieved loses grant, token and list at once.",
    ),
    "R24": _rule(
        "art. 8 d",
        nl="Een gemandateerde stemde in met het bericht van de coördinator, zoals het er stond.",
        fr="Un mandaté a consenti au message du coordinateur, tel quel.",
        de="Ein Beauftragter stimmte der Nachricht des Koordinators zu, wie sie war.",
        en="An officer consented to the coordinator’s message, as it stood.",
    ),
    "R25": _rule(
        "bijlage/annexe/Anlage/annex 4",
        nl="Foto’s worden niet verstuurd.",
        fr="Aucune image n’est envoyée.",
        de="Bilder werden nicht versandt.",
        en="No pictures are sent.",
    ),
    "R26": _rule(
        "art. 3, 12",
        nl="Niemand betaalt of staat vooraan voor een sneller bericht.",
        fr="Personne ne paie ni n’a priorité pour un message plus rapide.",
        de="Niemand zahlt oder steht vorn für eine schnellere Nachricht.",
        en="Nobody pays or ranks for a faster message.",
    ),
}
