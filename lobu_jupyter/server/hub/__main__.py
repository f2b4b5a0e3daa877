"""``python -m lobu_jupyter.server.hub`` is ``jupyter lobu-hub``."""

from .app import main

if __name__ == "__main__":
    main()
