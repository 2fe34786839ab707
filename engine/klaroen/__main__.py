"""`python -m klaroen`: the command line, as the supervisor starts its children too."""

from klaroen.cli import main

raise SystemExit(main())
