"""The journal: how events are kept, read and followed."""
