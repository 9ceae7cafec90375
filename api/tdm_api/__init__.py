"""The HTTP service: a thin shell over `tdm`, without any pharmacology of its own."""
