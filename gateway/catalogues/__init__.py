"""Which catalogue decides: stored whole under its digest, signed, activated by an entry of the journal."""
