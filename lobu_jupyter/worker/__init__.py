"""The worker process: it runs agents, and their code in the person's kernel. Knows the gateway only over HTTP."""
