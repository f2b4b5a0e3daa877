"""``python -m lobu_jupyter.server``: the same as ``jupyter lobu``."""

from .app import main

if __name__ == "__main__":
    main()
