"""From the posterior to what to do: candidates, forecast, ranking, hold, safety rules, the next level."""
