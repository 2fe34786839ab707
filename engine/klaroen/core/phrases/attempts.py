"""How an attempt stands, why somebody cannot be reached, and what became of a CAP message.

Law: there is a phrase for each state of an attempt (`core.state`) and each reason of an audience (`core.model`): a test
walks them all. A carrier's own code stands beside the words and never in them.
"""

from collections.abc import Mapping
from typing import Final

from klaroen.core.phrases.phrase import Phrase, phrase

ATTEMPTS: Final[Mapping[str, Phrase]] = {
    "attempt_pending": phrase(
        None,
        nl="wacht op zijn beurt",
        fr="attend son tour",
        de="wartet, bis sie an der Reihe ist",
        en="waits for its turn",
    ),
    "attempt_unsent": phrase(
        None,
        nl="niet aangenomen door de operator",
        fr="non pris en charge par l’opérateur",
        de="vom Anbieter nicht angenommen",
        en="not taken by the carrier",
    ),
    "attempt_unknown": phrase(
        None,
        nl="aan de operator gegeven, die niet antwoordde",
        fr="remis à l’opérateur, qui n’a pas répondu",
        de="dem Anbieter übergeben, der nicht antwortete",
        en="handed to the carrier, which did not answer",
    ),
    "attempt_refused": phrase(
        None,
        nl="geweigerd door de operator",
        fr="refusé par l’opérateur",
        de="vom Anbieter abgelehnt",
        en="refused by the carrier",
    ),
    "attempt_handed_over": phrase(
        None,
        nl="aangenomen door de operator, aankomst niet bewezen",
        fr="pris en charge par l’opérateur, sans preuve d’arrivée",
        de="vom Anbieter angenommen, Ankunft nicht nachgewiesen",
        en="taken by the carrier, no proof of arrival",
    ),
    "attempt_failed": phrase(
        None,
        nl="aangenomen door de operator, niet aangekomen",
        fr="pris en charge par l’opérateur, non arrivé",
        de="vom Anbieter angenommen, nicht angekommen",
        en="taken by the carrier, did not arrive",
    ),
    "attempt_network": phrase(
        "R15",
        nl="aangenomen door het netwerk van de operator, aankomst niet bewezen",
        fr="pris en charge par le réseau de l’opérateur, sans preuve d’arrivée",
        de="vom Netz des Anbieters angenommen, Ankunft nicht nachgewiesen",
        en="taken by the carrier's network, no proof of arrival",
    ),
    "attempt_reached": phrase(None, nl="aangekomen", fr="arrivé", de="angekommen", en="arrived"),
    "call_handed_over": phrase(None, nl="de telefoon gaat over", fr="le téléphone sonne", de="es klingelt", en="rings"),
    "call_failed": phrase(
        None,
        nl="gebeld, niet gehoord",
        fr="appelé, pas entendu",
        de="angerufen, nicht gehört",
        en="called, and not heard",
    ),
    "call_network": phrase(
        "R15",
        nl="opgenomen; niet bewezen dat een mens het hoorde",
        fr="décroché, sans preuve qu’une personne ait entendu",
        de="abgehoben; nicht nachgewiesen, dass ein Mensch es hörte",
        en="answered, no proof that a person heard it",
    ),
    "call_reached": phrase(
        None, nl="opgenomen en gehoord", fr="décroché et entendu", de="abgehoben und gehört", en="answered and heard"
    ),
    "call_confirmed": phrase(
        None,
        nl="opgenomen en bevestigd",
        fr="décroché et confirmé",
        de="abgehoben und bestätigt",
        en="answered and confirmed",
    ),
    "call_playing": phrase(
        None,
        nl="opgenomen; het bericht wordt afgespeeld",
        fr="décroché, le message est en cours",
        de="abgehoben; die Nachricht wird abgespielt",
        en="answered, and being played",
    ),
    "call_over": phrase(
        None,
        nl="voorbij; niet bewezen dat het gehoord werd",
        fr="terminé, sans preuve d’avoir été entendu",
        de="vorbei; nicht nachgewiesen, dass sie gehört wurde",
        en="over, no proof that it was heard",
    ),
    "call_lost": phrase(
        None,
        nl="niemand meldde hoe het afliep",
        fr="personne n’a dit comment il s’est terminé",
        de="niemand meldete, wie es ausging",
        en="nobody told how it ended",
    ),
    "unreachable_no_channel": phrase(
        "R12",
        nl="Op dit uur laten het communicatieplan, de klasse en de afzender samen geen kanaal toe.",
        fr="À cette heure, le plan de communication, la classe et l’expéditeur ne permettent ensemble aucun canal.",
        de="Zu dieser Stunde lassen Kommunikationsplan, Klasse und Absender zusammen keinen Kanal zu.",
        en="At this hour the communication plan, the class and the sender together permit no channel.",
    ),
    "unreachable_no_address": phrase(
        None,
        nl="De lijst heeft geen nummer of adres voor een toegelaten kanaal.",
        fr="La liste n’a ni numéro ni adresse pour un canal permis.",
        de="Die Liste hat keine Nummer oder Adresse für einen zugelassenen Kanal.",
        en="The list has no number or address for a channel that is permitted.",
    ),
    "unreachable_no_content": phrase(
        "R12",
        nl="Voor de kanalen die openstaan, heeft het bericht geen tekst of opname.",
        fr="Pour les canaux ouverts, le message n’a ni texte ni enregistrement.",
        de="Für die offenen Kanäle hat die Nachricht weder Text noch Aufnahme.",
        en="For the channels that are open the alert has no text or recording.",
    ),
    "unreachable_no_carrier": phrase(
        None,
        nl="Voor de kanalen die openstaan, is geen operator ingesteld die de tekst exact overbrengt.",
        fr="Pour les canaux ouverts, aucun opérateur configuré ne transmet le texte exactement.",
        de="Für die offenen Kanäle ist kein Anbieter eingerichtet, der den Text genau überträgt.",
        en="For the channels that are open no carrier is configured that carries the text exactly.",
    ),
    "unspoken": phrase(
        "R12",
        nl="{channel}: geen stem kon de tekst uitspreken; het volgende kanaal kwam aan de beurt.",
        fr="{channel} : aucune voix n’a pu dire le texte ; le canal suivant a pris son tour.",
        de="{channel}: Keine Stimme konnte den Text sprechen; der nächste Kanal kam an die Reihe.",
        en="{channel}: no voice could say the text; the next channel had its turn.",
    ),
    "cap_cancelled": phrase(
        None,
        nl="Er vertrekt niets meer, en er wordt niets verstuurd.",
        fr="Plus rien ne part, et rien n’est envoyé.",
        de="Nichts geht mehr hinaus, und nichts wird gesendet.",
        en="Nothing more is handed over, and nothing is sent.",
    ),
    "cap_ignored": phrase(
        None,
        nl="Een bericht van msgType {kind} antwoordt een ander systeem; niemand wordt verwittigd.",
        fr="Un message de msgType {kind} répond à un autre système ; personne n’en est averti.",
        de="Eine Nachricht vom msgType {kind} antwortet einem anderen System; niemand wird gewarnt.",
        en="A message of msgType {kind} answers another system; nobody is warned of it.",
    ),
}
