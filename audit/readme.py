"""The README of an extract: what lies there, and how to check it without the gateway, in French and English."""

README = """# Extrait du journal / Extract of the journal

## Français

Chaque entrée (`<année>/entries/<numéro>.json`) est accompagnée de sa preuve (`.tlog-proof`, format C2SP
tlog-proof) : le chemin qui mène de l'entrée à la tête signée du journal (`<année>/checkpoint`).
`extract.json` dit ce qui a été demandé. Aucune donnée d'une personne ne figure ici : des étiquettes, des
codes et des engagements salés.

Pour vérifier, sur un poste sans réseau, avec Python 3.11 ou plus et la bibliothèque `cryptography` :

    python -m audit verify DOSSIER --vkey log.vkey --policy policy

`--vkey` est la clé publique du journal **que vous tenez d'ailleurs** ; celle du dossier (`log.vkey`) ne
prouve rien tant que vous ne l'avez pas comparée. `--policy`, facultatif, est le fichier des témoins du
consortium. Code de sortie : 0 tout ce qui a été vérifié tient, 1 une vérification échoue, 2 fichiers
illisibles.

Ce que l'extrait prouve : ces entrées étaient dans le journal, à ces numéros, sans aucun changement depuis la
signature. Ce qu'il ne prouve pas : qu'aucune autre entrée ne répond à la demande. Pour cela, demandez une
copie entière (`passerelle audit export`) et vérifiez-la. La lecture faite pour cet extrait est elle-même une
entrée du journal.

## English

Each entry (`<year>/entries/<index>.json`) comes with its proof (`.tlog-proof`, C2SP tlog-proof): the path
from the entry to the signed head of the journal (`<year>/checkpoint`). `extract.json` says what was asked.
Nothing of a person is here: tags, codes and salted commitments.

To check it, on a machine without network, with Python 3.11 or later and the library `cryptography`:

    python -m audit verify FOLDER --vkey log.vkey --policy policy

`--vkey` is the journal's public key **that you hold from elsewhere**; the one in the folder (`log.vkey`)
proves nothing until you have compared it. `--policy`, optional, is the file of the consortium's witnesses.
Exit code: 0 every check made held, 1 a check failed, 2 files cannot be read.

What the extract proves: these entries were in the journal, at these indices, unchanged since it was signed.
What it does not prove: that no other entry answers the request. For that, ask for a whole copy (`passerelle
audit export`) and verify it. The reading made for this extract is itself an entry of the journal.
"""
