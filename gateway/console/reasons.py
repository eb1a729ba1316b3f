"""Reasons of entries that no decision gave, as a DPO reads them: of rights, sessions, reports. French, English."""

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
    # what people report of an access
    "unknown_organisation": ("La personne ne connaît pas l'organisme.", "The person does not know the organisation."),
    "unknown_purpose": ("La personne ne comprend pas la raison.", "The person does not understand what for."),
    "not_asked": ("La personne n'a rien demandé.", "The person did not ask for anything."),
    "too_much": ("Trop d'informations, dit la personne.", "Too much information, the person says."),
    "other": ("Autre raison.", "Another reason."),
    # how sessions end
    "signed_out": ("Déconnexion.", "Signed out."),
    "replaced": ("Une autre connexion l'a remplacée.", "Another sign-in replaced it."),
}
