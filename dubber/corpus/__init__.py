"""Corpora: what a clip is, one reader per corpus, and the manifest."""
