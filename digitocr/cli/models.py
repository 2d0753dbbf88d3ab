"""`digitocr models`: show the supplied models."""

from __future__ import annotations

from digitocr.cli.reporting import reported


def models() -> None:
    """Show the supplied models and their cards."""
    with reported():
        from digitocr.cli.report import card_table, stdout
        from digitocr.recognition.model import supplied_models

        for model in supplied_models():
            stdout().print(card_table(model.id.name, {"sha256": model.id.sha256, **model.card}))
