"""``python -m lobu_jupyter.server``: what ``jupyter lobu`` does."""

from .app import main

if __name__ == "__main__":
    main()
