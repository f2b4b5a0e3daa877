"""Browser and pages as in tests/browser, in an environment with jupyter-collaboration (`make test-rooms`)."""

from tests.browser.conftest import browser, context  # noqa: F401 - fixtures
