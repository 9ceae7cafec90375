"""Numbers, times and words, with no pharmacology: units, clocks, sentences, refusals, strict reading, citations."""
