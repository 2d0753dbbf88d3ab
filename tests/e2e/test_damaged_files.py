"""Whatever stands in a model, a form file, a truth or a list, it is taken or refused in a sentence.

Anything but the foreseen error fails a test here; that each of them ends a command with one line
and its exit code is tested beside the commands.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from support.command import SAMPLES, RunCommand

from digitocr.core.errors import (
    DataMissing,
    ModelUnreadable,
    WrongUsage,
)
from digitocr.core.settings import Constraints
from digitocr.forms.template import load_form
from digitocr.numbers.constraints import constraint_of
from digitocr.recognition.model import (
    load_model,
    model_file,
)
from digitocr.training.data.datasets import read_truth

pytestmark = pytest.mark.faults

ARRAYS = {"w1": np.zeros((784, 4)), "b1": np.zeros(4), "w2": np.zeros((4, 10)), "b2": np.zeros(10)}
WHOLE = model_file(ARRAYS, {})
START = 8 + struct.unpack("<Q", WHOLE[:8])[0]  # of the weights, after the header
HEADER: dict[str, Any] = json.loads(WHOLE[8:START])

one_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
leaves = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=5)
)
anything = st.recursive(
    leaves | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def with_header(header: str) -> bytes:
    """Return a model with another header before its weights."""
    return struct.pack("<Q", len(header.encode())) + header.encode() + WHOLE[START:]


def check_model(folder: Path, data: bytes) -> None:
    """Load a model, or see it refused in a sentence that names it."""
    path = folder / "my.safetensors"
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        load_model(path)
    except ModelUnreadable as error:
        assert str(error).startswith(f"{path}: ") and len(str(error)) < 2000


entries = anything | st.fixed_dictionaries(
    {
        "dtype": st.sampled_from(["F32", "F64", "F16", "BF16", "BOOL", "F8_E4M3", "I64", "X"]),
        "shape": anything | st.lists(st.integers(0, 2**64), max_size=4),
        "data_offsets": anything | st.lists(st.integers(0, 20_000), min_size=2, max_size=2),
    }
)


@one_folder
@given(
    st.dictionaries(st.sampled_from(["w1", "b1", "b2", "strip.k1", "__metadata__", "x"]), entries)
)
@example({key: {"dtype": "F8_E4M3", "shape": [2], "data_offsets": [0, 2]} for key in ("x",)})
def test_any_header_of_a_model(tmp_path: Path, changes: dict[str, Any]) -> None:
    check_model(tmp_path, with_header(json.dumps({**HEADER, **changes})))


CURVES = ["temperature", "digit_chance", "number_chance", "share_wrong", "digits", "no_digits"]


@one_folder
@given(st.dictionaries(st.sampled_from(CURVES), anything))
@example({"temperature": 10**400})
def test_any_card_of_a_model(tmp_path: Path, card: dict[str, Any]) -> None:
    check_model(tmp_path, model_file(ARRAYS, card))


@one_folder
@given(st.text())
@example("[" * 100_000)
@example('{"temperature": 1' + "0" * 5000 + "}")
def test_any_text_for_a_card(tmp_path: Path, card: str) -> None:
    check_model(tmp_path, with_header(json.dumps({**HEADER, "__metadata__": {"card": card}})))


@one_folder
@given(st.integers(0, len(WHOLE) - 1), st.binary(max_size=9))
def test_any_damage_to_a_model(tmp_path: Path, place: int, patch: bytes) -> None:
    check_model(tmp_path, WHOLE[:place] + patch + WHOLE[place + len(patch) :])
    check_model(tmp_path, WHOLE[:place] + patch)


@pytest.mark.parametrize(
    ("data", "part"),
    [
        (with_header(json.dumps({**HEADER, "__metadata__": {}})), "has no card"),
        (with_header(json.dumps({k: v for k, v in HEADER.items() if k[0] != "_"})), "has no card"),
        (
            with_header(json.dumps({**HEADER, "__metadata__": {"card": '{"temperature": 1e999}'}})),
            "has a temperature that is no number",
        ),
    ],
)
def test_a_model_without_a_card_that_can_be_read_ends_with_4(
    data: bytes, part: str, run: RunCommand, tmp_path: Path
) -> None:
    (tmp_path / "my.safetensors").write_bytes(data)
    done = run("scan", SAMPLES / "digit.png", "--model", "my.safetensors", "-o", "out")
    assert (done.returncode, done.stdout) == (4, "")
    assert part in done.stderr and done.stderr.count("\n") == 1


@pytest.mark.parametrize("name", ["folder.safetensors", "/dev/zero"])
def test_a_model_that_is_no_file_ends_with_4(name: str, run: RunCommand, tmp_path: Path) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    done = run("scan", SAMPLES / "digit.png", "--model", name, "-o", "out")
    assert done.returncode == 4
    assert done.stderr.startswith(f"error: {name}: is no file") and done.stderr.count("\n") == 1


VALUES = (
    *("0", "-1", "99", "1e9", "nan", "true", "[]", "{}", "1979-05-27", '""', '"8"', '"4-6"'),
    *(f'"{"9" * 400}..1"', "9" * 5000, "0x" + "f" * 5000, '"luhn"', '"os.path"', '"((("'),
    *('"[[a]"', '"a{99999999999}"', '"' + "(" * 5000 + '"', '"\\u0000"', '"\\u0000:a"', '"x:a"'),
)
values = st.sampled_from(VALUES)
lists = st.lists(values, max_size=5).map(lambda parts: f"[{', '.join(parts)}]")
OTHERS = ("cells", "digits", "pattern", "range", "check", "list", "other")
fields = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just('"n"') | values,
        "box": st.just("[0, 0, 9, 9]") | lists | values,
        **dict.fromkeys(OTHERS, values),
    },
)
forms = st.fixed_dictionaries(
    {}, optional={"size": st.just("[99, 99]") | lists, "picture": values, "filled": values}
)
FORM = 'size = [99, 99]\n[[field]]\nname = "n"\nbox = [0, 0, 9, 9]\n'


def lines_of(entries: dict[str, str]) -> str:
    return "".join(f"{key} = {value}\n" for key, value in entries.items())


def check_form(folder: Path, data: bytes) -> None:
    """Load a form file, or see it refused in a sentence that names it."""
    path = folder / "form.toml"
    path.unlink(missing_ok=True)
    path.write_bytes(data)
    try:
        load_form(path)
    except WrongUsage as error:
        assert str(error).startswith(f"{path}: ")


@one_folder
@given(forms, st.lists(fields, max_size=3))
def test_any_values_in_a_form_file(
    tmp_path: Path, form: dict[str, str], listed: list[dict[str, str]]
) -> None:
    text = lines_of(form) + "".join("[[field]]\n" + lines_of(field) for field in listed)
    check_form(tmp_path, text.encode())


@pytest.mark.parametrize("key", OTHERS)
def test_any_value_of_what_is_known_of_a_field(key: str, tmp_path: Path) -> None:
    for value in VALUES:
        check_form(tmp_path, f"{FORM}{key} = {value}\n".encode())


@one_folder
@given(st.binary() | st.binary(max_size=9).map(lambda data: FORM.encode()[:40] + data))
@example(b"x = " + b"[" * 100_000)
def test_any_bytes_for_a_form_file(tmp_path: Path, data: bytes) -> None:
    check_form(tmp_path, data)


tables = st.binary() | st.text('"0 1/.\0\r,\n;', max_size=60).map(
    lambda rows: b"file,truth\n" + rows.encode()
)


@one_folder
@given(tables)
@example(b'file,truth\n"' + b"a" * 200_000)
def test_any_bytes_for_a_truth(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "truth.csv").write_bytes(data)
    try:
        found = read_truth(tmp_path)
    except DataMissing as error:
        assert str(tmp_path) in str(error)
        return
    assert all(".." not in Path(row.file).parts and row.file[:1] != "/" for row in found)


@one_folder
@given(tables)
def test_any_bytes_for_a_list(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "list.csv").write_bytes(data)
    try:
        constraint_of(Constraints(listed=f"{tmp_path}/list.csv:truth"))
    except WrongUsage as error:
        assert str(error).startswith("listed ")
