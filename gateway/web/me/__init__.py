"""The pages of a beneficiary: who can see, who has seen, stop, and what they may ask for."""
