"""OAuth2 authorization server for partner systems, and the check of its tokens at the API (see README.md)."""
