"""A case read against a model: doses, levels, covariates and drugs in time, and the individual estimate."""
