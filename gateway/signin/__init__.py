"""Sign-in of people through OpenID Connect providers (FranceConnect and ProConnect profiles)."""
