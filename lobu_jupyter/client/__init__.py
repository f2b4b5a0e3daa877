"""The gateway over HTTP: a sync and an async client with one interface, and the kernel's signature."""
