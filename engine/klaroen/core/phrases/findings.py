"""What a list keeper puts right: members whom the plan cannot reach, and what a network lacks (R2 to R6)."""

from collections.abc import Mapping
from typing import Final

from klaroen.core.phrases.phrase import Phrase, phrase

FINDINGS: Final[Mapping[str, Phrase]] = {
    "network_silent": phrase(
        "R1",
        nl="is stopgezet of niet erkend: het krijgt geen berichten",
        fr="est arrêté ou non reconnu : il ne reçoit aucun message",
        de="ist gestoppt oder nicht anerkannt: Es erhält keine Nachrichten",
        en="is stopped or not recognised: it receives no message",
    ),
    "plan_not_begun": phrase(
        "R3",
        nl="heeft geen plan dat al begonnen is: het eerste geldt nu al",
        fr="n’a pas de plan déjà en vigueur : le premier vaut dès maintenant",
        de="hat keinen Plan, der begonnen hat: Der erste gilt schon jetzt",
        en="has no plan that has begun: the first one holds already",
    ),
    "no_coordinator": phrase(
        "R23",
        nl="heeft geen coördinator in functie",
        fr="n’a pas de coordinateur en fonction",
        de="hat keinen Koordinator im Amt",
        en="has no coordinator in office",
    ),
    "coordinator_unknown": phrase(
        "R2",
        nl="heeft een coördinator wiens `member` niet in het register staat",
        fr="a un coordinateur dont le `member` n’est pas au registre",
        de="hat einen Koordinator, dessen `member` nicht im Register steht",
        en="has a coordinator whose `member` is not in the register",
    ),
    "language_choice": phrase(
        "R16",
        nl="laat leden een taal kiezen, die lokale overheden daar niet mogen bijhouden",
        fr="laisse les membres choisir une langue, que les autorités locales n’y peuvent enregistrer",
        de="lässt Mitglieder eine Sprache wählen, die örtliche Behörden dort nicht festhalten dürfen",
        en="lets members choose a language, which local authorities there may not record",
    ),
    "urgent_whatsapp": phrase(
        "R13",
        nl="plan {version} noemt whatsapp voor dringende berichten, die het niet mag dragen",
        fr="le plan {version} nomme whatsapp pour l’urgent, qu’il ne peut porter",
        de="Plan {version} nennt whatsapp für Dringendes, das es nicht tragen darf",
        en="plan {version} names whatsapp for urgent messages, which it may not carry",
    ),
    "house_rules": phrase(
        "R4",
        nl="is actief en heeft de huisregels niet aanvaard",
        fr="est actif et n’a pas accepté le règlement",
        de="ist aktiv und hat die Hausregeln nicht angenommen",
        en="is active and has not accepted the house rules",
    ),
    "urgent": phrase(
        "R6", nl="dringende berichten:", fr="messages urgents :", de="dringende Nachrichten:", en="urgent messages:"
    ),
    "non_urgent": phrase(
        "R12",
        nl="niet-dringende berichten:",
        fr="messages non urgents :",
        de="nicht dringende Nachrichten:",
        en="non-urgent messages:",
    ),
    "no_channel_then": phrase(
        None,
        nl="het plan laat geen kanaal toe",
        fr="le plan ne permet aucun canal",
        de="der Plan lässt keinen Kanal zu",
        en="the plan permits no channel",
    ),
    "no_address_then": phrase(
        None,
        nl="geen adres voor een van {channels}",
        fr="pas d’adresse pour l’un de {channels}",
        de="keine Adresse für einen von {channels}",
        en="no address for any of {channels}",
    ),
}
