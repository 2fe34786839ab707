"""Why something cannot be done to networks, their lists and their coordinators (R1, R7, R9, R23)."""

from collections.abc import Mapping
from typing import Final

from klaroen.core.phrases.phrase import Phrase, phrase

LISTS: Final[Mapping[str, Phrase]] = {
    "no_such_network": phrase(
        None,
        nl="Er is geen zo’n netwerk.",
        fr="Il n’y a pas de tel réseau.",
        de="Ein solches Netz gibt es nicht.",
        en="There is no such network.",
    ),
    "no_such_member": phrase(
        None,
        nl="Het netwerk heeft geen zo’n lid.",
        fr="Le réseau n’a pas de tel membre.",
        de="Ein solches Mitglied hat das Netz nicht.",
        en="The network has no such member.",
    ),
    "no_such_grant": phrase(
        "R9",
        nl="Er is geen zo’n machtiging.",
        fr="Il n’y a pas de telle autorisation.",
        de="Eine solche Ermächtigung gibt es nicht.",
        en="There is no such grant.",
    ),
    "stopped_in_register": phrase(
        "R1",
        nl="Het register zelf heeft het als stopgezet: importeer het als hervat.",
        fr="Le registre lui-même l’a comme arrêté : importez-le comme repris.",
        de="Das Register selbst führt es als gestoppt: Importieren Sie es als fortgesetzt.",
        en="The register itself has it as stopped: import it as resumed.",
    ),
    "silent_network": phrase(
        "R1",
        nl="Het netwerk is stopgezet of niet erkend: niemand schrijft het aan (R1, art. 2, 3).",
        fr="Le réseau est arrêté ou non reconnu : personne ne lui écrit (R1, art. 2, 3).",
        de="Das Netz ist gestoppt oder nicht anerkannt: Niemand schreibt ihm (R1, Art. 2, 3).",
        en="The network is stopped or not recognised: nobody sends to it (R1, art. 2, 3).",
    ),
    "no_such_coordinator": phrase(
        "R9",
        nl="Het netwerk heeft geen zo’n coördinator (R9, art. 8 d).",
        fr="Le réseau n’a pas de tel coordinateur (R9, art. 8 d).",
        de="Einen solchen Koordinator hat das Netz nicht (R9, Art. 8 d).",
        en="The network has no such coordinator (R9, art. 8 d).",
    ),
    "loses_grants": phrase(
        "R23",
        nl="De status van deze coördinator is `{status}`: elke machtiging vervalt (R23, art. 8 b).",
        fr="Le statut de ce coordinateur est `{status}` : il perd toute autorisation (R23, art. 8 b).",
        de="Der Status dieses Koordinators ist `{status}`: Er verliert jede Ermächtigung (R23, Art. 8 b).",
        en="This coordinator is {status}, and loses every grant (R23, art. 8 b).",
    ),
    "until_no_day": phrase(
        "R9",
        nl="until moet een dag van de kalender zijn.",
        fr="until doit être un jour du calendrier.",
        de="until muss ein Tag des Kalenders sein.",
        en="until must be a day of the calendar.",
    ),
    "until_past": phrase(
        "R9",
        nl="until ligt in het verleden: een machtiging geldt voor tijd die nog komt.",
        fr="until est dans le passé : une autorisation vaut pour un temps à venir.",
        de="until liegt in der Vergangenheit: Eine Ermächtigung gilt für künftige Zeit.",
        en="until lies in the past: a grant is given for a time to come.",
    ),
    "not_list_keeper": phrase(
        "R7",
        nl="De lijst van dit netwerk wordt door coördinatoren in functie beheerd, of door de politie alleen (R7, R23).",
        fr="La liste de ce réseau est tenue par ses coordinateurs en fonction, ou par la police seule (R7, R23).",
        de="Die Liste dieses Netzes führen seine Koordinatoren im Amt oder die Polizei allein (R7, R23).",
        en="This network's list is kept by its coordinators in office, or by the police alone (R7, R23, art. 8 b).",
    ),
    "kept_elsewhere": phrase(
        "R7",
        nl=(
            "Deze persoon staat hier met andere gegevens, en in een netwerk waarvan dit token de lijst niet beheert: "
            "de politie van die zone wijzigt ze."
        ),
        fr=(
            "Cette personne est connue ici avec d’autres données, et dans un réseau dont ce jeton ne tient pas la "
            "liste : la police de sa zone les modifie."
        ),
        de=(
            "Diese Person steht hier mit anderen Daten und in einem Netz, dessen Liste dieses Token nicht führt: Die "
            "Polizei seiner Zone ändert sie."
        ),
        en=(
            "This person is known here with other data, and belongs to a network whose list this token does not keep: "
            "the police of its zone change them."
        ),
    ),
    "members_are_adults": phrase(
        "R4",
        nl="adult is false: actieve leden zijn meerderjarig (R4).",
        fr="adult est false : les membres actifs sont majeurs (R4).",
        de="adult ist false: Aktive Mitglieder sind volljährig (R4).",
        en="adult is false: active members are adults (R4).",
    ),
    "channel_twice": phrase(
        "R14",
        nl="preference noemt een kanaal twee keer.",
        fr="preference nomme un canal deux fois.",
        de="preference nennt einen Kanal zweimal.",
        en="preference names a channel twice.",
    ),
}
