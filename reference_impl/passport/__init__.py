"""The passport of a backend: how it adds, and whether that can be relied on. docs/passport.md explains it."""
