"""Policies: what may leave, decided by one pure function. See README.md."""
