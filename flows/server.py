"""[io] The flow engine's own server, as a child that ends when its parent does.

Light on purpose: nothing but the standard library until it serves.
"""

from __future__ import annotations

import os
import sys
import threading


def serve() -> None:
    """Serve Prefect's API on the loopback port named first until standard input closes."""

    def end_with_parent() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    threading.Thread(target=end_with_parent, daemon=True).start()
    import uvicorn

    uvicorn.run(
        "prefect.server.api.server:create_app",
        factory=True,
        host="127.0.0.1",
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="on",
    )


if __name__ == "__main__":
    serve()
