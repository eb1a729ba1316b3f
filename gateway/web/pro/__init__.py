"""The pages of a professional: to note what a person in front of them has decided."""
