"""`python -m nontax.gateway.cli`: the same as the command `nontax`."""

import sys

from . import main

sys.exit(main())
