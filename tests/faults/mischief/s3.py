"""An S3 server on loopback (moto's), which brings trouble where a key tells of it.

    python tests/mischief/s3.py [SECONDS]

Prints its port, and serves until it is killed. "flaky" in a key: every object of that name fails
twice, then is there; "broken": it always fails; "torn": its content ends early; "slow": each
answer takes a while. With SECONDS every answer takes that long, as far away stores' do.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

_asked: Counter[str] = Counter()
_far = float(sys.argv[1]) if len(sys.argv) > 1 else 0.0


def _troubled(environ: dict[str, Any], start: Any) -> Iterable[bytes]:
    path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
    _asked[method + path] += 1
    if method in ("GET", "HEAD") and (
        "broken" in path or ("flaky" in path and _asked[method + path] <= 2)
    ):
        start("503 Service Unavailable", [("Content-Length", "0")])
        return []
    time.sleep(_far or (1.0 if "slow" in path else 0.0))
    answer = list(_moto(environ, start))
    if "torn" in path and method == "GET":
        return [b"".join(answer)[:-100]]
    return answer


if __name__ == "__main__":
    _moto = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, _troubled, threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()
