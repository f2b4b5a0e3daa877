"""How long ``%load_ext lobu_jupyter`` takes in a fresh kernel, in ms: ``python -m bench.loading``."""

from __future__ import annotations

from jupyter_client.manager import start_new_kernel

LOAD = """
import time as _t
_began = _t.perf_counter()
get_ipython().run_line_magic("load_ext", "lobu_jupyter")
print((_t.perf_counter() - _began) * 1000)
"""


def main() -> None:
    said: list[str] = []
    manager, client = start_new_kernel()
    try:
        hook = lambda message: said.append(message["content"].get("text", ""))  # noqa: E731
        client.execute_interactive(LOAD, timeout=60, output_hook=hook)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    print("".join(said).strip())


if __name__ == "__main__":
    main()
