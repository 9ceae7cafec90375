"""`python -m tdm.cli` is `tdm`."""

import sys

from tdm.cli.main import main

sys.exit(main())
