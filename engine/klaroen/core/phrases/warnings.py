"""What the sender of an alert is told beside its acceptance: what goes otherwise than he may think."""

from collections.abc import Mapping
from typing import Final

from klaroen.core.phrases.phrase import Phrase, phrase

WARNINGS: Final[Mapping[str, Phrase]] = {
    "target_unmatched": phrase(
        None,
        nl="{path} noemt niets waar een netwerk toe behoort.",
        fr="{path} ne nomme rien à quoi un réseau appartienne.",
        de="{path} nennt nichts, wozu ein Netz gehört.",
        en="{path} names nothing that a network belongs to.",
    ),
    "other_language": phrase(
        "R16",
        nl="Aantal leden dat een andere taal krijgt dan de zijne: {count} (R16).",
        fr="Membres qui reçoivent une autre langue que la leur : {count} (R16).",
        de="Mitglieder, die eine andere Sprache erhalten als die ihre: {count} (R16).",
        en="{count} members get another language than the one due (R16).",
    ),
    "cold_ended": phrase(
        "R17",
        nl="Aantal leden dat geen koude berichten meer wil en niets krijgt: {count} (R17).",
        fr="Membres qui ont mis fin aux messages froids et ne reçoivent rien : {count} (R17).",
        de="Mitglieder, die kalte Nachrichten beendet haben und nichts erhalten: {count} (R17).",
        en="{count} members have ended cold messages and are left out (R17).",
    ),
    "officers_untold": phrase(
        "R9",
        nl="Geen gemandateerde van de netwerken heeft een adres voor de kopie van wat onder machtiging vertrekt (R9).",
        fr="Aucun mandaté des réseaux n’a d’adresse pour la copie de ce qui part sur autorisation (R9).",
        de="Kein Beauftragter der Netze hat eine Adresse für die Kopie dessen, was unter Ermächtigung ausgeht (R9).",
        en="No officer of the networks has an address for the copy of what is sent under a grant (R9).",
    ),
    "unable_line_end": phrase(
        "R10",
        nl="De tekst ({language}) gaat niet exact via {channel}: hij heeft meer dan één regel.",
        fr="Le texte ({language}) ne passe pas exactement par {channel} : il a plus d’une ligne.",
        de="Der Text ({language}) geht nicht genau über {channel}: er hat mehr als eine Zeile.",
        en="The text in {language} does not go by {channel} exactly: it has more than one line.",
    ),
    "unable_tab": phrase(
        "R10",
        nl="De tekst ({language}) gaat niet exact via {channel}: hij bevat een tab.",
        fr="Le texte ({language}) ne passe pas exactement par {channel} : il contient une tabulation.",
        de="Der Text ({language}) geht nicht genau über {channel}: er enthält einen Tabulator.",
        en="The text in {language} does not go by {channel} exactly: it holds a tab.",
    ),
    "unable_spaces": phrase(
        "R10",
        nl="De tekst ({language}) gaat niet exact via {channel}: hij bevat meer dan vier spaties na elkaar.",
        fr="Le texte ({language}) ne passe pas exactement par {channel} : il contient plus de quatre espaces de suite.",
        de="Der Text ({language}) geht nicht genau über {channel}: er enthält mehr als vier Leerzeichen in Folge.",
        en="The text in {language} does not go by {channel} exactly: it holds more than four spaces in a row.",
    ),
    "unable_encoding": phrase(
        "R10",
        nl="De tekst ({language}) gaat niet exact via {channel}: hij bevat een onmogelijk teken.",
        fr="Le texte ({language}) ne passe pas exactement par {channel} : il contient un caractère impossible.",
        de="Der Text ({language}) geht nicht genau über {channel}: er enthält ein unmögliches Zeichen.",
        en="The text in {language} does not go by {channel} exactly: it holds a character that is none.",
    ),
    "unable_length": phrase(
        "R10",
        nl="De tekst ({language}) gaat niet exact via {channel}: hij is te lang.",
        fr="Le texte ({language}) ne passe pas exactement par {channel} : il est trop long.",
        de="Der Text ({language}) geht nicht genau über {channel}: er ist zu lang.",
        en="The text in {language} does not go by {channel} exactly: it is too long.",
    ),
    "cap_resource": phrase(
        "R25",
        nl="`resource` wordt niet doorgestuurd: geen kanaal draagt beelden of bestanden (R25).",
        fr="`resource` n’est pas transmis : aucun canal ne porte d’images ni de fichiers (R25).",
        de="`resource` wird nicht weitergegeben: Kein Kanal trägt Bilder oder Dateien (R25).",
        en="`resource` is not sent on: no channel carries pictures or files (R25).",
    ),
    "cap_geocode": phrase(
        None,
        nl="Andere geocodes dan NIS5 worden niet gelezen: veelhoeken, cirkels en NIS5 zijn het gebied.",
        fr="Les géocodes autres que NIS5 ne sont pas lus : polygones, cercles et NIS5 font la zone.",
        de="Andere Geocodes als NIS5 werden nicht gelesen: Polygone, Kreise und NIS5 sind das Gebiet.",
        en="Geocodes other than NIS5 are not read: polygons, circles and NIS5 are the area.",
    ),
    "forecast_no_carrier": phrase(
        None,
        nl="Geen operator voor {channel} is bereikbaar: wie daarmee begint, wacht, en telt in geen tijd mee.",
        fr="Aucun opérateur de {channel} n’est joignable : qui commence par là attend, et ne compte dans aucun délai.",
        de="Kein Anbieter für {channel} ist erreichbar: Wer damit beginnt, wartet und zählt in keiner Zeit.",
        en="No carrier of {channel} is up: who begins with it waits, and is in no time.",
    ),
    "forecast_no_receipt": phrase(
        None,
        nl="Sinds de start kwam geen ontvangstbewijs van {channel}: wanneer leden bereikt zijn, is niet bekend.",
        fr="Aucun accusé de {channel} depuis le démarrage : on ignore quand les membres sont atteints.",
        de="Seit dem Start kam kein Nachweis über {channel}: Wann Mitglieder erreicht sind, ist nicht bekannt.",
        en="No receipt of {channel} has been seen since the start: when people are reached is not known.",
    ),
    "forecast_kin": phrase(
        None,
        nl="De leden van het bericht dat dit verbetert of verlengt, zijn hier niet meegeteld.",
        fr="Les membres du message que celui-ci corrige ou étend ne sont pas comptés ici.",
        de="Die Mitglieder der Nachricht, die diese berichtigt oder erweitert, sind hier nicht mitgezählt.",
        en="The audience of the alert that this one corrects or extends is not counted here.",
    ),
}
