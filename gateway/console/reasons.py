"""Reasons of entries that no decision gave, as a DPO reads them: of rights, sign-ins, tokens, reports. French, English.

One code may mean two things in entries of two types: `reason_of` is told the type where it is known.
"""

from collections.abc import Mapping

Words = tuple[str, str]

REASONS: Mapping[str, Words] = {
    "person_unknown": ("Personne inconnue ici.", "Nobody known here."),
    "sources_unavailable": ("Les sources n'ont pas répondu.", "The sources did not answer."),
    "nothing_supplied": (
        "Les sources n'avaient rien de ce qui est permis.",
        "The sources had nothing of what is permitted.",
    ),
    "epoch_changed": ("Les choix de la personne ont changé entre-temps.", "The person's choices changed meanwhile."),
    "withheld": ("Retenu, sans en dire la raison au destinataire.", "Withheld, the recipient is not told why."),
    # requests under GDPR 12 to 21
    "complexity": ("La demande est complexe.", "The request is complex."),
    "number_of_requests": ("Les demandes sont nombreuses.", "There are many requests."),
    "accuracy_contested": ("L'exactitude est contestée.", "The accuracy is contested."),
    "unlawful": ("Le traitement est illicite.", "The processing is unlawful."),
    "needed_for_claims": (
        "La personne en a besoin pour ses droits en justice.",
        "The person needs it for legal claims.",
    ),
    "objection_pending": ("Une opposition est à l'étude.", "An objection is being examined."),
    "identity_not_confirmed": ("L'identité n'est pas confirmée.", "The identity is not confirmed."),
    "manifestly_unfounded": ("La demande est manifestement infondée.", "The request is manifestly unfounded."),
    "excessive": ("Les demandes sont excessives.", "The requests are excessive."),
    "rights_of_others": ("Les droits d'autres personnes s'y opposent.", "The rights of others stand against it."),
    "accurate": ("L'information est exacte.", "The information is accurate."),
    "legal_obligation": ("Une obligation légale s'y oppose.", "A legal obligation stands against it."),
    "public_task": ("Une mission d'intérêt public s'y oppose.", "A public task stands against it."),
    "legal_claims": ("L'information sert en justice.", "It is needed for legal claims."),
    "no_ground": ("Aucun des cas de la loi ne convient.", "None of the grounds of the law applies."),
    "no_consent": ("Le partage ne repose pas sur un consentement.", "The sharing does not rest on consent."),
    "compelling_grounds": ("Des motifs impérieux l'emportent.", "Compelling grounds prevail."),
    "no_objection_in_law": ("Le texte exclut l'opposition.", "The law excludes an objection."),
    "accuracy_checked": ("L'exactitude a été vérifiée.", "The accuracy was checked."),
    "ground_gone": ("Le motif n'existe plus.", "The ground is gone."),
    "person_asked": ("La personne l'a demandé.", "The person asked for it."),
    "request_refused": ("La demande a été refusée.", "The request was refused."),
}

_OF: Mapping[str, Mapping[str, Words]] = {
    "access.reported": {
        "unknown_organisation": (
            "La personne ne connaît pas l'organisme.",
            "The person does not know the organisation.",
        ),
        "unknown_purpose": ("La personne ne comprend pas la raison.", "The person does not understand what for."),
        "not_asked": ("La personne n'a rien demandé.", "The person did not ask for anything."),
        "too_much": ("Trop d'informations, dit la personne.", "Too much information, the person says."),
        "other": ("Autre raison.", "Another reason."),
    },
    "session.closed": {
        "signed_out": ("Déconnexion.", "Signed out."),
        "ended": ("La connexion a été coupée.", "The connection was cut."),
        "replaced": ("Une autre connexion l'a remplacée.", "Another sign-in replaced it."),
    },
    "authorisation.paused": {
        "incident": ("Un incident est examiné.", "An incident is being examined."),
        "complaint": ("Une plainte est examinée.", "A complaint is being examined."),
        "inquiry": ("Un contrôle est en cours.", "An inquiry is under way."),
        "accuracy_disputed": ("L'exactitude est contestée.", "The accuracy is disputed."),
    },
    "authorisation.invalidated": {
        "purpose_retired": ("La finalité n'existe plus.", "The purpose was retired."),
        "exchange_retired": ("L'échange n'existe plus.", "The exchange was retired."),
        "notice_withdrawn": ("Le texte lu par la personne a été retiré.", "The text the person read was withdrawn."),
        "notice_defective": ("Le texte lu par la personne avait un défaut.", "The text the person read was defective."),
        "capacity_lost": ("Le mandat n'est plus en vigueur.", "The mandate is no longer in force."),
        "majority_reached": ("La personne est devenue majeure.", "The person came of age."),
    },
    "gateway.frozen": {"incident": ("Un incident.", "An incident.")},
    "signal.disabled": {
        "gone": (
            "Le partenaire a répondu que l'adresse n'existe plus.",
            "The partner answered that the address is gone.",
        ),
        "not_acknowledged": ("Aucun accusé de réception pendant 72 heures.", "Nothing was acknowledged for 72 hours."),
    },
    "signin.refused": {
        "level": ("Le niveau de garantie n'est pas celui demandé.", "The level of assurance is not the one asked for."),
        "methods": (
            "Les moyens de connexion ne sont pas ceux demandés.",
            "The means of sign-in are not those asked for.",
        ),
        "not_fresh": ("La connexion chez le fournisseur était trop ancienne.", "The provider's sign-in was too old."),
        "userinfo_unsigned": ("L'identité reçue n'était pas signée.", "The identity received was not signed."),
        "userinfo_subject": ("L'identité reçue est celle d'un autre compte.", "The identity is of another account."),
        "identity_incomplete": ("La date ou le lieu de naissance manque.", "The date or place of birth is missing."),
        "person_unknown": ("Aucun partenaire n'a relié cette personne.", "No partner has linked this person."),
        "person_ambiguous": (
            "Des partenaires déclarent des identités différentes.",
            "Partners declare different identities.",
        ),
        "not_listed": ("Le compte n'est pas sur la liste.", "The account is not on the list."),
        "second_factor": ("Il manquait le second moyen de connexion.", "The second factor was missing."),
    },
}

_TOKENS: Mapping[str, Words] = {
    "client_assertion": (
        "La preuve d'identité du partenaire n'est pas valable.",
        "The partner's assertion is not valid.",
    ),
    "subject_token": ("Le jeton à échanger n'est pas valable.", "The token to exchange is not valid."),
    "dpop": ("La preuve de possession de la clé n'est pas valable.", "The proof of the key is not valid."),
    "proof": ("La preuve de possession de la clé manque.", "The proof of the key is missing."),
    "nonce": ("La preuve de la clé doit être signée à nouveau.", "The proof of the key must be signed again."),
    "certificate": (
        "Le certificat manque ou n'est pas celui du partenaire.",
        "The certificate is missing or another's.",
    ),
    "scope": ("Les portées demandées ne sont pas ouvertes au partenaire.", "The scopes are not open to the partner."),
    "code": ("Le code donné après l'accord n'est pas valable.", "The code given after the agreement is not valid."),
    "redirect": ("L'adresse de retour n'est pas enregistrée.", "The return address is not registered."),
    "details": (
        "Ce qui serait demandé à la personne n'est pas permis.",
        "What the person would be asked is not allowed.",
    ),
    "rate": ("Trop de demandes.", "Too many requests."),
    "locked": ("Trop de signatures fausses.", "Too many wrong signatures."),
    "store": ("La base de données n'a pas répondu.", "The database did not answer."),
    "ended": (
        "Le partenaire ou le jeton a été révoqué entre-temps.",
        "The partner or the token was revoked meanwhile.",
    ),
    "": ("La demande de jeton n'a pas la forme attendue.", "The request for a token is not of the expected form."),
}
"""Why a token was refused, by how the code begins (`gateway/oauth/errors.py`); the first that fits, the last always."""


def reason_of(type_: str, code: str) -> Words | None:
    """The words of this code in an entry of this type (empty: not known), None when there are none."""
    if type_ == "token.refused":
        return next(words for start, words in _TOKENS.items() if code.startswith(start))
    if type_ or code in REASONS:
        return _OF.get(type_, {}).get(code) or REASONS.get(code)
    return next((words[code] for words in _OF.values() if code in words), None)
