"""The central number (R19): an officer calls, identifies, speaks, hears it back and confirms; then members are rung.

Law: a dialogue decides and does nothing. What it wants done are `Act`s, one sound at a time; what came of them comes
back by method. Nothing is sent but what was heard back and confirmed with key 1. Every wait and every number of tries
is bounded, and a call that says nothing ends.
"""

from collections.abc import Mapping
from typing import Final, Literal, get_args

from msgspec import Struct

KEYS_MAX: Final = 12
"""Digits of an officer's number or PIN; more are a mistake, which ends with the hash key."""
ENTRY_MS: Final = 8_000
"""Between two keys, and before the first: people read them from a card."""
ASKED_MAX: Final = 2
"""How often a question is put to somebody who says nothing."""
TRIES_MAX: Final = 3
"""Wrong PINs in one call; the lock-out counts on over calls."""
TAKES_MAX: Final = 5
"""How often a message may be spoken anew."""
MESSAGE_S_MAX: Final = 60
"""A message of a minute, played twice, keeps a member on the telephone for two."""
MESSAGE_S_MIN: Final = 1.0
"""Shorter is a cough."""
CALL_MS_MAX: Final = 900_000
"""Five messages of a minute, each heard back, and the questions between."""

Prompt = Literal[
    "code", "pin", "wrong", "locked", "speak", "tone", "silence", "yours", "choose", "sent", "unsent", "bye"
]
PROMPTS: Final[tuple[Prompt, ...]] = get_args(Prompt)
"""`tone` is a tone; all others are spoken, in the words below."""


class Say(Struct, frozen=True):
    """Play this prompt, and say when it is over (`said`)."""

    prompt: Prompt


class Stop(Struct, frozen=True):
    """Stop what is played; nothing comes back."""


class Record(Struct, frozen=True):
    """Record until the hash key or for a minute (`recorded`)."""


class PlayBack(Struct, frozen=True):
    """Play what was recorded, and say when it is over (`said`)."""


class Wait(Struct, frozen=True):
    """Come back after so long (`wake`), unless something else is wanted before."""

    ms: int


class Identify(Struct, frozen=True):
    """Is this PIN that of the officer with this number? (`identified`)"""

    code: str
    pin: str

    def __repr__(self) -> str:
        return "Identify()"


class Send(Struct, frozen=True):
    """Warn the members of this officer's networks with what was recorded (`sent`)."""


class HangUp(Struct, frozen=True):
    """The call is over."""


Sound = Prompt | Literal["message"]
Act = Say | Stop | Record | PlayBack | Wait | Identify | Send | HangUp
Stage = Literal["code", "pin", "identifying", "speaking", "recording", "reviewing", "sending", "leaving"]
Verdict = Literal["known", "wrong", "locked"]


class Dialogue:
    """One call of an officer."""

    def __init__(self) -> None:
        self.stage: Stage = "code"
        self._sounds: list[Sound] = []
        self._playing: Sound | None = None
        self._heard = False
        """What was recorded last has been heard back to its end."""
        self._keys = ""
        self._code = ""
        self._asked = 0
        self._tries = 0
        self._takes = 0

    def start(self) -> list[Act]:
        return self._ask("code")

    # --- what came of it --------------------------------------------------------------------------------------------

    def said(self) -> list[Act]:
        """A prompt, or the message, has been played."""
        self._heard |= self._playing == "message"
        self._playing = None
        if self._sounds:
            return self._play_next()
        match self.stage:
            case "code" | "pin" | "reviewing":
                return [Wait(ENTRY_MS)]
            case "speaking":
                self.stage = "recording"
                return [Record()]
            case "leaving":
                return [HangUp()]
        return []

    def press(self, digit: str) -> list[Act]:
        """A key, which also cuts short what is being said; but nothing is confirmed that was not heard back."""
        if self.stage in ("code", "pin"):
            return [*self._hush(), *self._enter(digit)]
        if self.stage == "reviewing":
            if digit == "1" and self._heard:
                self.stage = "sending"
                return [*self._hush(), Send()]
            if digit == "2":
                return [*self._hush(), *self._speak()]
        return []

    def recorded(self, seconds: float | None) -> list[Act]:
        """The recording is over; None where it failed."""
        if self.stage != "recording":
            return []
        if seconds is None or seconds < MESSAGE_S_MIN:
            return self._speak("silence")
        return self._review()

    def identified(self, verdict: Verdict) -> list[Act]:
        """Who calls is known, or is not."""
        assert self.stage == "identifying"
        if verdict == "known":
            return self._speak()
        if verdict == "locked":
            return self._leave("locked")
        self._tries += 1
        if self._tries == TRIES_MAX:
            return self._leave("wrong", "bye")
        self._asked = 0
        return self._ask("code", "wrong")

    def sent(self, *, accepted: bool) -> list[Act]:
        """The members are being rung, or nobody is."""
        assert self.stage == "sending"
        return self._leave("sent" if accepted else "unsent")

    def wake(self) -> list[Act]:
        """Nothing was pressed for a while."""
        if self.stage in ("code", "pin") and self._keys:
            return self._entered()
        if self.stage in ("code", "pin"):
            return self._ask(self.stage)
        return self._review() if self.stage == "reviewing" else []

    # --- questions ----------------------------------------------------------------------------------------------------

    def _ask(self, stage: Literal["code", "pin"], *before: Prompt) -> list[Act]:
        if self._asked == ASKED_MAX:
            return self._leave("bye")
        self._asked += 1
        self.stage, self._keys = stage, ""
        return self._say(*before, stage)

    def _enter(self, digit: str) -> list[Act]:
        if digit == "#":
            return self._entered()
        if digit == "*":  # begin anew
            self._keys = ""
        elif len(self._keys) <= KEYS_MAX:
            self._keys += digit
        return [Wait(ENTRY_MS)]

    def _entered(self) -> list[Act]:
        keys, self._keys = self._keys, ""
        if not keys:
            return self._ask("code" if self.stage == "code" else "pin")
        if self.stage == "code":
            self._code, self._asked = keys, 0
            return self._ask("pin")
        self.stage = "identifying"
        return [Identify(self._code, keys)]

    def _speak(self, *before: Prompt) -> list[Act]:
        if self._takes == TAKES_MAX:
            return self._leave("bye")
        self._takes += 1
        self._asked, self._heard = 0, False
        self.stage = "speaking"
        return self._say(*before, "speak", "tone")

    def _review(self) -> list[Act]:
        if self._asked == ASKED_MAX:
            return self._leave("unsent")
        self._asked += 1
        self.stage = "reviewing"
        return self._say("yours", "message", "choose")

    def _leave(self, *words: Prompt) -> list[Act]:
        self.stage = "leaving"
        return self._say(*words)

    # --- sounds -------------------------------------------------------------------------------------------------------

    def _say(self, *sounds: Sound) -> list[Act]:
        self._sounds = list(sounds)
        return self._play_next()

    def _play_next(self) -> list[Act]:
        self._playing = sound = self._sounds.pop(0)
        return [PlayBack() if sound == "message" else Say(sound)]

    def _hush(self) -> list[Act]:
        self._sounds.clear()
        if self._playing is None:
            return []
        self._playing = None
        return [Stop()]


WORDS: Final[Mapping[str, Mapping[Prompt, str]]] = {
    "nl": {
        "code": "Centraal nummer van de buurtinformatienetwerken. Toets uw nummer in, en sluit af met een hekje.",
        "pin": "Toets uw pincode in, en sluit af met een hekje.",
        "wrong": "Dat is niet juist.",
        "locked": "U kunt zich nu niet aanmelden. Bel uw dispatching. Tot ziens.",
        "speak": "Spreek uw bericht in na de toon, en sluit af met een hekje. U hebt een minuut.",
        "silence": "Er was niets te horen.",
        "yours": "Dit is uw bericht.",
        "choose": "Druk één om het nu te versturen, of twee om het opnieuw in te spreken. "
        "Hang op om niets te versturen.",
        "sent": "De leden worden nu gebeld. Tot ziens.",
        "unsent": "Uw bericht is niet verstuurd. Bel uw dispatching. Tot ziens.",
        "bye": "Tot ziens.",
    },
    "fr": {
        "code": "Numéro central des partenariats locaux de prévention. Composez votre numéro, puis appuyez sur dièse.",
        "pin": "Composez votre code, puis appuyez sur dièse.",
        "wrong": "Ce n'est pas correct.",
        "locked": "Vous ne pouvez pas vous identifier maintenant. Appelez votre dispatching. Au revoir.",
        "speak": "Dictez votre message après le signal, puis appuyez sur dièse. Vous avez une minute.",
        "silence": "Rien n'a été entendu.",
        "yours": "Voici votre message.",
        "choose": "Appuyez sur un pour l'envoyer maintenant, ou sur deux pour le dicter à nouveau. "
        "Raccrochez pour ne rien envoyer.",
        "sent": "Les membres sont appelés maintenant. Au revoir.",
        "unsent": "Votre message n'a pas été envoyé. Appelez votre dispatching. Au revoir.",
        "bye": "Au revoir.",
    },
    "de": {
        "code": "Zentrale Rufnummer der Nachbarschaftsnetze. Geben Sie Ihre Nummer ein, und dann die Rautetaste.",
        "pin": "Geben Sie Ihre Pin ein, und dann die Rautetaste.",
        "wrong": "Das ist nicht richtig.",
        "locked": "Sie können sich jetzt nicht anmelden. Rufen Sie Ihre Leitstelle an. Auf Wiederhören.",
        "speak": "Sprechen Sie Ihre Nachricht nach dem Ton, und drücken Sie dann die Rautetaste. "
        "Sie haben eine Minute.",
        "silence": "Es war nichts zu hören.",
        "yours": "Das ist Ihre Nachricht.",
        "choose": "Drücken Sie eins, um sie jetzt zu senden, oder zwei, um sie neu zu sprechen. "
        "Legen Sie auf, um nichts zu senden.",
        "sent": "Die Mitglieder werden jetzt angerufen. Auf Wiederhören.",
        "unsent": "Ihre Nachricht wurde nicht gesendet. Rufen Sie Ihre Leitstelle an. Auf Wiederhören.",
        "bye": "Auf Wiederhören.",
    },
    "en": {
        "code": "Central number of the neighbourhood information networks. Enter your number, then press hash.",
        "pin": "Enter your pin, then press hash.",
        "wrong": "That is not correct.",
        "locked": "You cannot identify yourself now. Call your dispatch centre. Goodbye.",
        "speak": "Speak your message after the tone, then press hash. You have one minute.",
        "silence": "Nothing was heard.",
        "yours": "This is your message.",
        "choose": "Press one to send it now, or two to speak it again. Hang up to send nothing.",
        "sent": "The members are being called now. Goodbye.",
        "unsent": "Your message was not sent. Call your dispatch centre. Goodbye.",
        "bye": "Goodbye.",
    },
}
"""Language -> prompt -> what is said."""
