"""The corpus: a few hundred cases with the answers that the tool gave, so that a changed answer is a decision.

`cases.jsonl` holds the cases (the examples, and random ones of `tests.random_cases`), `answers.jsonl` the answer of
each on the same line. `python -m tests.corpus` prints which answers changed and how; `--accept` writes them down.
"""
