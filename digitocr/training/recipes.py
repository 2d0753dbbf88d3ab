"""How networks are trained and what on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from digitocr.core.errors import WrongUsage
from digitocr.training.data.datasets import (
    NON_DIGIT,
    Digits,
    joined_digits,
    train_and_held_out,
)
from digitocr.training.data.strokes import draw_forms
from digitocr.training.data.symbols import Addition
from digitocr.training.data.touching import touching_digits
from digitocr.training.data.written_symbols import (
    Font,
    Symbols,
    symbols,
)

# One drawing of a digit has to stand for a hand, so those of fonts are shown this often an epoch.
_FONT_TIMES = 10
_LETTER_TIMES = 2
# Lines are written with the digits of each addition at least so often for one of MNIST's, as their
# hands are others.
_LEAST_PART = 0.15
_FONTS_HELD_OUT = 0.2  # of the fonts: hands that no network has seen, for the calibration


@dataclass(frozen=True, slots=True)
class Recipe:
    """How the networks are trained; the same recipe, data and machine give the same weights."""

    name: str
    epochs: int
    batch_size: int
    learning_rate: float  # Adam's; the highest where the schedule is one-cycle
    seed: int = 0
    keep_last: bool = False  # else the weights that read the held-out digits best are kept
    held_out: float = 0.2  # the share of digits that is not trained on
    pooled: bool = False  # MNIST's test digits are put to the others before they are split
    # The seed project stops here. `scan` also distorts the digits, raises and lowers the learning
    # rate over one cycle (Smith 2018) and keeps a running average of the weights (Polyak 1992).
    distort: bool = False
    one_cycle: bool = False
    average: float = 0.0  # the part of the average that stays at each step, later on
    cuts: float = 0.0  # digits cut out of touching ones, and as many wrong cuts, for each digit
    forms: float = 0.0  # digits drawn in forms that MNIST hardly has, for each of MNIST's
    echo: int = 1  # epochs that show the first network the same distortions (Choi et al. 2019)
    # Epochs of the teacher, for one of the first network, and how fast it learns.
    teacher: float = 0.0
    teacher_rate: float = 0.004
    taught: float = 0.0  # the part of the first's answers wanted that the teacher gives
    # The same of a specialist for MNIST's digits and of the last epochs, in which the first network
    # learns these from it; and how much of the way that these lead its weights go.
    specialist: float = 0.0
    polish: float = 0.0
    polished: float = 0.0
    lines: float = 0.0  # written for the strip reader, for each crop that the first is shown


SEED = Recipe("seed", epochs=50, batch_size=100, learning_rate=0.001, pooled=True, keep_last=True)
SCAN = Recipe(
    "scan",
    epochs=150,
    batch_size=256,
    learning_rate=0.002,
    keep_last=True,
    held_out=1 / 12,
    distort=True,
    one_cycle=True,
    average=0.9995,
    cuts=0.4,
    forms=0.2,
    echo=3,
    teacher=0.11,
    taught=0.9,
    specialist=0.093,
    polish=0.1,
    polished=0.3,
    lines=0.036,
)


def recipe(
    name: str,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    seed: int = 0,
) -> Recipe:
    """Return a recipe by its name, with what is not None in place of its own settings.

    Raises:
        WrongUsage: there is no such recipe.
    """
    found = {recipe.name: recipe for recipe in (SCAN, SEED)}.get(name)
    if found is None:
        raise WrongUsage(f"Training.recipe {name}: is neither scan nor seed")
    return replace(
        found,
        epochs=epochs or found.epochs,
        batch_size=batch_size or found.batch_size,
        learning_rate=learning_rate or found.learning_rate,
        seed=seed,
    )


@dataclass(frozen=True, slots=True)
class Material:
    """What networks are trained on and measured with."""

    training: Digits  # shown in every epoch, with non-digits
    mnist: Digits  # of these, MNIST's
    held_out: Digits  # of MNIST
    hands: Digits  # of fonts that are not trained on; may be empty
    shown: Symbols  # that lines are written with, to train on
    unseen: Symbols  # the same, of held-out digits and hands
    facts: list[dict[str, Any]]  # what was added to MNIST, for the card


def material(
    recipe: Recipe,
    digits: Digits,
    additions: Sequence[Addition] = (),
    fonts: Sequence[Addition] = (),
) -> Material:
    """Return what a recipe trains on: digits in part, additions, most of the fonts, and cuts.

    Args:
        recipe: says how many are held out and cut.
        digits: MNIST's.
        additions: labelled symbols, all trained on.
        fonts: symbols drawn with one font each.
    """
    training, held_out = train_and_held_out(digits, recipe.held_out, recipe.seed)
    order = np.random.default_rng(recipe.seed).permutation(len(fonts))
    n_held_out = round(len(fonts) * _FONTS_HELD_OUT)
    unseen = [fonts[i] for i in sorted(order[:n_held_out])]
    shown = [fonts[i] for i in sorted(order[n_held_out:])]
    forms = draw_forms(round(recipe.forms * len(training)), recipe.seed)
    added = [addition.digits for addition in additions]
    parts = [training, forms, *added]
    alone = joined_digits(*parts)
    non_digits = alone[np.flatnonzero(alone.labels == NON_DIGIT)]
    if recipe.cuts:
        n = max(1, round(recipe.cuts * sum(map(len, parts))))
        parts.append(training)  # a second time, or MNIST would be the smaller part
        parts.append(
            touching_digits(joined_digits(*parts, *(font.digits for font in shown)), n, recipe.seed)
        )
    for font in shown:
        known = font.digits.labels != NON_DIGIT
        parts += [font.digits[np.flatnonzero(known)]] * _FONT_TIMES
        parts += [font.digits[np.flatnonzero(~known)]] * _LETTER_TIMES
    facts = [addition.facts for addition in [*additions, *fonts]]
    return Material(
        training=joined_digits(*parts),
        mnist=training,
        held_out=held_out,
        hands=joined_digits(held_out[:0], *(font.digits for font in unseen)),
        shown=symbols(balanced_digits([training, forms, *added]), _fonts(shown)),
        unseen=symbols(joined_digits(held_out, non_digits), _fonts(unseen)),
        facts=facts,
    )


def balanced_digits(parts: Sequence[Digits]) -> Digits:
    """Return symbols of several sources, small ones repeated to be a fair part of the first."""
    least = _LEAST_PART * len(parts[0])
    return joined_digits(
        *(part for one in parts for part in [one] * max(1, round(least / max(1, len(one)))))
    )


def _fonts(drawn: Sequence[Addition]) -> list[Font]:
    return [Font(one.digits, one.letters) for one in drawn]
