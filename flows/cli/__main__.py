"""``python -m flows.cli`` is ``gengxun``."""

from flows.cli import main

main()
