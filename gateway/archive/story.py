"""The archive as a text to read: headings, sentences, facts and cards, in one language. The page and the PDF show it.

Order: what matters first. Who saw what; what the person decided; then everything that happened, newest first; then
rights, durations, how it is decided, how to check. What is technical stands under « En savoir plus ».
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from gateway.archive import words
from gateway.archive.blocks import Block, Card, Heading, Items, Story, Text
from gateway.archive.labels import KINDS, said
from gateway.archive.told import Teller, identifier, period

_PARIS = ZoneInfo("Europe/Paris")
_FEW = 6
_CNIL = "3 place de Fontenoy, TSA 80715, 75334 Paris Cedex 07, France"
_MONTHS = {
    "fr": ("janvier", "février", "mars", "avril", "mai", "juin",
           "juillet", "août", "septembre", "octobre", "novembre", "décembre"),
    "en": ("January", "February", "March", "April", "May", "June",
           "July", "August", "September", "October", "November", "December"),
}  # fmt: skip


def tell(content: Mapping[str, Any], teller: Teller, lang: str) -> Story:
    """Write it in a language."""
    writer = _Writer(content, teller, lang)
    blocks = tuple(block for section in writer.sections() for block in section)
    return Story(lang=lang, title=writer.say("Mes informations", "My information"), blocks=blocks)


def moment(text: str, lang: str) -> str:
    """An instant as it is read in Paris."""
    local = datetime.fromisoformat(text).astimezone(_PARIS)
    month = _MONTHS[lang][local.month - 1]
    if lang == "fr":
        day = "1er" if local.day == 1 else str(local.day)
        return f"{day} {month} {local.year} à {local.hour}\u00a0h\u00a0{local.minute:02}"
    return f"{local.day} {month} {local.year} at {local:%H:%M} (Paris)"


class _Writer:
    """Writes the sections of one language."""

    def __init__(self, content: Mapping[str, Any], teller: Teller, lang: str) -> None:
        self.content = content
        self.teller = teller
        self.lang = lang

    def say(self, fr: str, en: str) -> str:
        """Choose."""
        return fr if self.lang == "fr" else en

    def sections(self) -> Iterator[Sequence[Block]]:
        """Give all of them, in the order of reading."""
        yield self._opening()
        yield self._recipients()
        yield self._authorisations()
        yield self._entries()
        yield self._rights()
        yield self._person()
        yield self._retention()
        yield self._logic()
        yield self._your_rights()
        yield self._check()

    def _opening(self) -> Sequence[Block]:
        made = moment(self.content["made_at"], self.lang)
        return [
            Text(
                self.say(
                    f"Ce document a été fait le {made}. Il est pour vous.",
                    f"This document was made on {made}. It is for you.",
                )
            ),
            Text(
                self.say(
                    "Il dit qui a demandé des informations sur vous. Il dit aussi ce que vous avez décidé. "
                    "Gardez-le en lieu sûr.",
                    "It says who asked for information about you. It also says what you decided. "
                    "Keep it in a safe place.",
                )
            ),
            Text(
                self.say(
                    "Passerelle fait passer des informations d'un organisme à l'autre. Elle ne garde pas vos dossiers. "
                    "Pour voir un dossier, écrivez à l'organisme qui le tient.",
                    "Passerelle carries information from one organisation to another. It keeps no file on you. "
                    "To see a file, write to the organisation that keeps it.",
                )
            ),
        ]

    def _recipients(self) -> Sequence[Block]:
        blocks: list[Block] = [Heading("who", self.say("Qui a vu vos informations ?", "Who saw your information?"))]
        for each in self.content["recipients"]:
            facts = [
                (self.say("Ce qui a été vu", "What was seen"), self.teller.fields(each["fields"], self.lang)),
                (self.say("Combien de fois", "How many times"), str(each["times"])),
                (self.say("La dernière fois", "The last time"), moment(each["last"], self.lang)),
            ]
            line = each["line"][self.lang] if "line" in each else ""
            blocks.append(Card(self.teller.party(each["id"], self.lang), line, _told(facts)))
        if len(blocks) == 1:
            blocks.append(Text(self.say("Personne ne les a vues.", "Nobody saw it.")))
        return blocks

    def _authorisations(self) -> Sequence[Block]:
        blocks: list[Block] = [Heading("choices", self.say("Vos choix et les partages", "Your choices and sharings"))]
        for each in self.content["authorisations"]:
            until = each["valid_until"]
            left_out = sorted(set(each["asked_for"]) - set(each["given"]))
            facts = [
                (self.say("Où ça en est", "Where it stands"), said(words.STATES, each["state"], self.lang)),
                (self.say("Par quel droit", "By what right"), said(words.BASES, each["basis"], self.lang)),
                (self.say("Ce qui peut être vu", "What may be seen"), self.teller.datasets(each["given"], self.lang)),
                (self.say("Ce qui a été laissé de côté", "What was left out"), self._fields(left_out)),
                (self.say("Accepté à part", "Accepted separately"), self._fields(each["given_separately"])),
                (self.say("Jusqu'au", "Until"), "" if until is None else moment(until, self.lang)),
                (self.say("Ce qui s'est passé", "What happened"), self._history(each)),
            ]
            more = [
                (self.say("Informations exactes", "Exact items"), self._fields(each["given"])),
                (self.say("Référence", "Reference"), each["id"]),
                (self.say("Version du texte lu", "Version of the text read"), each["notice"]),
                (self.say("Reçu signé", "Signed receipt"), each["receipt"] and "archive.json"),
            ]
            title = self.teller.party(each["recipient"], self.lang)
            blocks.append(Card(title, self.teller.purpose(each["purpose"], self.lang), _told(facts), _told(more)))
        if len(blocks) == 1:
            blocks.append(Text(self.say("Il n'y en a aucun.", "There is none.")))
        return blocks

    def _history(self, record: Mapping[str, Any]) -> str:
        told = []
        for each in record["history"]:
            entry = {"type": f"authorisation.{each['event']}", "org": record["recipient"]}
            channel = words.CHANNELS.get(str(each.get("channel")))
            how = "" if channel is None else f" ({channel[self.lang == 'en']})"
            told.append(f"{moment(each['time'], self.lang)}{how} : {self.teller.sentence(entry, self.lang)}")
        return "\n".join(told)

    def _entries(self) -> Sequence[Block]:
        entries = self.content["entries"]
        blocks: list[Block] = [
            Heading("all", self.say("Tout ce qui s'est passé", "Everything that happened")),
            Text(
                self.say(
                    f"Il y a {len(entries)} lignes, la plus récente d'abord. Chaque ligne a un numéro. "
                    "S'il manque un numéro, c'est qu'une ligne a été retirée.",
                    f"There are {len(entries)} lines, the newest first. Each line has a number. "
                    "A missing number means that a line was removed.",
                )
            ),
        ]
        return [*blocks, *(self._entry(each) for each in reversed(entries))]

    def _entry(self, each: Mapping[str, Any]) -> Card:
        entry = each["entry"]
        sources = sorted({self.teller.party(source, self.lang) for source in each.get("from", {}).values()})
        purpose = self.teller.purpose(entry["purpose"], self.lang) if "purpose" in entry else ""
        kinds = ", ".join(said(KINDS, kind, self.lang) for kind in entry.get("kinds", ()))
        facts = [
            (self.say("Qui", "Who"), each["who"][self.lang] or ""),
            (self.say("Avec quoi", "With what"), kinds),
            (self.say("Pour quoi faire", "What for"), purpose),
            (self._which(entry["type"]), self._briefly(each["fields"])),
            (self.say("D'où ça vient", "Where it comes from"), ", ".join(sources)),
            (self.say("Ce qui n'est pas parti", "What did not leave"), self._withheld(each["withheld"])),
            (self.say("Pourquoi", "Why"), self._why(entry)),
            (self.say("Par quel droit", "By what right"), said(words.BASES, each["basis"] or "", self.lang)),
            (
                self.say("Prévenus", "Told"),
                ", ".join(self.teller.party(o, self.lang) for o in entry.get("informed", ())),
            ),
        ]
        proof = self.say("dans le fichier de preuve", "in the file of proof")
        later = self.say("viendra avec la prochaine liste", "comes with the next list")
        more = [
            (self.say("Informations exactes", "Exact items"), self._exactly(each["fields"])),
            (self.say("Ligne du journal", "Entry of the journal"), str(each["position"])),
            (self.say("Type", "Type"), entry["type"]),
            (self.say("Preuve", "Proof"), proof if each["proved"] else later),
        ]
        title = f"{self.say('N°', 'No.')} {each['number']} · {moment(each['at'], self.lang)}"
        return Card(title, each["sentence"][self.lang], _told(facts), _told(more))

    def _why(self, entry: Mapping[str, Any]) -> str:
        return self.teller.reason(entry["reason"], self.lang, of=entry["type"]) if "reason" in entry else ""

    def _which(self, type_: str) -> str:
        if type_ == "exchange.released":
            return self.say("Ce qui a été vu", "What was seen")
        if type_ == "exchange.decided":
            return self.say("Ce qui pouvait partir", "What could leave")
        return self.say("Quelles informations", "Which information")

    def _rights(self) -> Sequence[Block]:
        blocks: list[Block] = [Heading("requests", self.say("Vos demandes", "Your requests"))]
        for each in self.content["rights"]:
            answered = each["answered_at"]
            late = self.say("la réponse est en retard", "the answer is late") if each["overdue"] else ""
            reason, more_time = (
                (each[name] and self.teller.reason(each[name], self.lang)) or "" for name in ("reason", "extended")
            )
            facts = [
                (self.say("Reçue le", "Received on"), moment(each["received_at"], self.lang)),
                (self.say("Où ça en est", "Where it stands"), said(words.RIGHT_STATES, each["state"], self.lang)),
                (self.say("Réponse au plus tard le", "Answer at the latest on"), moment(each["due"], self.lang)),
                (self.say("Attention", "Note"), late),
                (self.say("Pourquoi plus de temps", "Why more time"), more_time),
                (self.say("Raison", "Reason"), reason),
                (self.say("Quelles informations", "Which information"), self._fields(each["fields"])),
                (self.say("Répondu le", "Answered on"), "" if answered is None else moment(answered, self.lang)),
            ]
            title = said(words.RIGHTS, each["right"], self.lang)
            more = [(self.say("Référence", "Reference"), each["id"])]
            blocks.append(Card(title[:1].upper() + title[1:], "", _told(facts), _told(more)))
        if len(blocks) == 1:
            blocks.append(Text(self.say("Vous n'en avez fait aucune.", "You made none.")))
        return blocks

    def _person(self) -> Sequence[Block]:
        person = self.content["person"]
        known = [
            f"{said(KINDS, each['kind'], self.lang)} : {self._value(each)} "
            f"({', '.join(self.teller.party(org, self.lang) for org in each['by'])})"
            for each in person["identifiers"]
        ]
        flags = [said(words.FLAGS, each, self.lang) for each in person["flags"]]
        blocks: list[Block] = [Heading("held", self.say("Ce que nous gardons de vous", "What we keep about you"))]
        if known:
            served = self.say(
                "Ces numéros servent à vous retrouver. Ils sont gardés sous clé. "
                "L'organisme qui les a donnés est écrit à côté.",
                "These numbers serve to find you. They are kept locked. "
                "The organisation that gave them is named beside them.",
            )
            blocks += [Text(served), Items(tuple(known))]
        else:
            none = self.say(
                "Aucun organisme ne nous a donné de numéro pour vous retrouver.",
                "No organisation has given us a number to find you by.",
            )
            blocks.append(Text(none))
        if flags:
            blocks += [Text(self.say("Votre situation notée ici :", "Your situation noted here:")), Items(tuple(flags))]
        return blocks

    def _value(self, each: Mapping[str, Any]) -> str:
        value = each["value"]
        if value is None:
            return self.say("deux valeurs différentes, non utilisé", "two different values, not used")
        return identifier(each["kind"], str(value), self.lang)

    def _retention(self) -> Sequence[Block]:
        kept = self.content["retention"]
        lines = [
            f"{self.teller.party(each['recipient'], self.lang)} : {period(each['period'], self.lang)} "
            f"{said(words.FROM, each['from'], self.lang)} "
            f"({self.say('venant de', 'from')} {self.teller.party(each['source'], self.lang)} ; "
            f"{', '.join(each['law'])})"
            for each in kept["recipients"]
        ]
        months = kept["journal_months"]
        return [
            Heading("how-long", self.say("Combien de temps c'est gardé", "How long it is kept")),
            Text(
                self.say(
                    f"Ici, la liste de ce qui s'est passé est gardée {months} mois au moins. "
                    "Les informations elles-mêmes ne sont pas gardées ici.",
                    f"Here, the list of what happened is kept for {months} months at least. "
                    "The information itself is not kept here.",
                )
            ),
            Items(tuple(dict.fromkeys(lines))),
        ]

    def _logic(self) -> Sequence[Block]:
        return [
            Heading("how", self.say("Comment c'est décidé", "How it is decided")),
            Text(
                self.say(
                    "Des règles écrites disent qui peut voir quoi. Une machine les applique. "
                    "Tout ce qui n'est pas permis est refusé. Votre choix passe en premier.",
                    "Written rules say who may see what. A machine applies them. "
                    "Whatever is not allowed is refused. Your choice comes first.",
                )
            ),
            Text(
                self.say(
                    "Aucune décision sur vous n'est prise par une machine seule. Personne ne vous note.",
                    "No decision about you is taken by a machine alone. Nobody gives you a score.",
                )
            ),
        ]

    def _your_rights(self) -> Sequence[Block]:
        rights = [said(words.RIGHTS, right, self.lang) for right in words.RIGHTS]
        return [
            Heading("rights", self.say("Ce que vous pouvez demander", "What you may ask for")),
            Items(tuple(rights)),
            Text(
                self.say(
                    "Une réponse vous est due en un mois. Demandez-la à l'organisme qui vous suit.",
                    "An answer is due within one month. Ask the organisation that supports you.",
                )
            ),
            Text(
                self.say(
                    "Si la réponse ne vous convient pas, écrivez à la CNIL. Vous pouvez aussi aller devant un juge.",
                    "If the answer does not suit you, write to the CNIL. You may also go to court.",
                )
            ),
            Card("CNIL", "", ((self.say("Site", "Site"), "www.cnil.fr"), (self.say("Adresse", "Address"), _CNIL))),
        ]

    def _check(self) -> Sequence[Block]:
        return [
            Heading("check", self.say("Vérifier ce document", "To check this document")),
            Text(
                self.say(
                    "Les fichiers donnés avec ce document prouvent que la liste est entière. "
                    "Une personne de confiance peut le vérifier, sans nous le demander.",
                    "The files given with this document prove that the list is whole. "
                    "Somebody you trust can check it, without asking us.",
                )
            ),
            Card(
                self.say("Pour la personne qui vérifie", "For whoever checks"),
                "",
                (),
                (
                    (self.say("Commande", "Command"), "passerelle person check DOSSIER --vkey log.vkey"),
                    (self.say("Journal", "Journal"), self.content["gateway"]["log"]),
                    (self.say("Règles en vigueur", "Rules in force"), self.content["logic"]["catalogue"]),
                ),
            ),
        ]

    def _fields(self, names: Sequence[str]) -> str:
        return self.teller.fields(names, self.lang)

    def _briefly(self, names: Sequence[str]) -> str:
        """Many fields by the sentences of their datasets."""
        return self._fields(names) if len(names) <= _FEW else self.teller.datasets(names, self.lang)

    def _exactly(self, names: Sequence[str]) -> str:
        return self._fields(names) if len(names) > _FEW else ""

    def _withheld(self, hidden: Mapping[str, str]) -> str:
        reasons: dict[str, list[str]] = {}
        for field, reason in hidden.items():
            reasons.setdefault(reason, []).append(field)
        told = (
            f"{self._fields(fields)}. {self.teller.reason(reason, self.lang)}" for reason, fields in reasons.items()
        )
        return "\n".join(told)


def _told(facts: Sequence[tuple[str, str | None]]) -> tuple[tuple[str, str], ...]:
    """Those that say something."""
    return tuple((name, text) for name, text in facts if text)
