"""The answer: its nouns, its sentences, its provenance and its text."""
