"""The gateway over HTTP: a sync and an async client with one face, and the kernel's signature."""
