"""What `seeds/` says, as checked nouns: models, protocols, label, interactions, assays, liver."""
