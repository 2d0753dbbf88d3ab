"""digitocr reads the numbers on scanned and photographed pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from digitocr.core.version import __version__

__all__ = ["Settings", "__version__", "scan_file"]

if TYPE_CHECKING:
    from digitocr.core.settings import Settings
    from digitocr.pipeline.scan import scan_file


def __getattr__(name: str) -> Any:
    """Import the API on first use, so that `digitocr --help` does not wait for OpenCV."""
    if name == "Settings":
        from digitocr.core.settings import Settings

        return Settings
    if name == "scan_file":
        from digitocr.pipeline.scan import scan_file

        return scan_file
    raise AttributeError(f"module 'digitocr' has no attribute {name!r}")
