"""The tools that every agent has: in the person's kernel, in the server's files, and questions to the person."""
