"""Findings: what is doubtful about a case or its answer. They report; nothing is steered by them."""
