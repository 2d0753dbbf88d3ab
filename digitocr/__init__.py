"""digitocr reads the numbers on scanned and photographed pages.

    from digitocr import Settings, scan_file

    result = scan_file("receipt.jpg", Settings(min_confidence=0.95))
    for row in result.rows():
        print(row["number"], row["confidence"])

`Scanner` loads the model once for many files; `scan_files` yields their results in order.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from digitocr.core.version import __version__

if TYPE_CHECKING:
    from digitocr.core.document import (
        Digit,
        FieldResult,
        FileResult,
        ModelId,
        Number,
        PageResult,
        Table,
    )
    from digitocr.core.errors import (
        DataMissing,
        DigitocrError,
        ExitCode,
        ExtraMissing,
        FormMisfit,
        InputTooLarge,
        InputUnreadable,
        ModelUnreadable,
        NothingToRead,
        OutputUnwritable,
        WrongSetting,
        WrongUsage,
    )
    from digitocr.core.geometry import Box
    from digitocr.core.settings import Constraints, Limits, Settings
    from digitocr.pipeline.scan import Scanner, scan_file
    from digitocr.runs.scan_files import scan_files

__all__ = [
    "Box",
    "Constraints",
    "DataMissing",
    "Digit",
    "DigitocrError",
    "ExitCode",
    "ExtraMissing",
    "FieldResult",
    "FileResult",
    "FormMisfit",
    "InputTooLarge",
    "InputUnreadable",
    "Limits",
    "ModelId",
    "ModelUnreadable",
    "NothingToRead",
    "Number",
    "OutputUnwritable",
    "PageResult",
    "Scanner",
    "Settings",
    "Table",
    "WrongSetting",
    "WrongUsage",
    "__version__",
    "scan_file",
    "scan_files",
]

# Where names are: imported on first use, so that `digitocr --help` does not wait for OpenCV.
_MODULES = {
    "core.document": "Digit FieldResult FileResult ModelId Number PageResult Table",
    "core.errors": (
        "DataMissing DigitocrError ExitCode ExtraMissing FormMisfit InputTooLarge InputUnreadable"
        " ModelUnreadable NothingToRead OutputUnwritable WrongSetting WrongUsage"
    ),
    "core.geometry": "Box",
    "core.settings": "Constraints Limits Settings",
    "pipeline.scan": "Scanner scan_file",
    "runs.scan_files": "scan_files",
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    """Import what is asked for."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'digitocr' has no attribute {name!r}")
    found = getattr(import_module(f"digitocr.{_MODULE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """Name what there is, imported or not."""
    return sorted({*globals(), *__all__})
