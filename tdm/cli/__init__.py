"""The command line, one file for each command: `tdm recommend CASE.json`, `tdm models`, `tdm serve`, ...

Exit status 0: an answer ("none" included); 1: a refused case, with the reasons on standard error; 2: wrong usage.
"""

from tdm.cli.main import main

__all__ = ["main"]
