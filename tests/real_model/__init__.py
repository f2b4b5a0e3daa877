"""The assistant with a real model, whichever LOBU_TEST_MODEL_URL names: `make test-model`. No part of `make test`."""
