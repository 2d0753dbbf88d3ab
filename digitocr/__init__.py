"""digitocr reads the numbers on scanned and photographed pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Settings", "scan_file"]

if TYPE_CHECKING:
    from digitocr.records import Settings
    from digitocr.scan import scan_file


def __getattr__(name: str) -> Any:
    """Import the API on first use, so that `digitocr --help` does not wait for OpenCV."""
    if name == "Settings":
        from digitocr.records import Settings

        return Settings
    if name == "scan_file":
        from digitocr.scan import scan_file

        return scan_file
    raise AttributeError(f"module 'digitocr' has no attribute {name!r}")
