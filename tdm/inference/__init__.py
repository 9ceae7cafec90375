"""From levels to a posterior: random effects, residual error, likelihood, MAP estimate, importance sampling."""
