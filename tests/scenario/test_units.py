"""Durations and sizes: every spelling, every mistake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testbed.durations import format_duration
from testbed.scenario.units import parse_duration, parse_size

MS, S = 1_000_000, 1_000_000_000
MIN, H, D = 60 * S, 3600 * S, 86_400 * S

DURATIONS = {
    "0": 0,
    "0s": 0,
    "1ms": MS,
    "300ms": 300 * MS,
    "1s": S,
    "1.5s": 1_500 * MS,
    "0.5ms": 500_000,
    "0.000000001s": 1,
    "40m": 40 * MIN,
    "40min": 40 * MIN,
    "2h": 2 * H,
    "2 h": 2 * H,
    "5d": 5 * D,
    "1d 12h": D + 12 * H,
    "1d12h": D + 12 * H,
    "12h 1d": D + 12 * H,
    "1h 1h": 2 * H,
    " 1m ": MIN,
    "3650d": 3650 * D,
}
NO_DURATIONS = [
    "",
    " ",
    "5",
    "m",
    "-1s",
    "+1s",
    "1.s",
    ".5s",
    "1,5s",
    "1 week",
    "5M",
    "5H",
    "1e3s",
    "1d, 2h",
    "1d 2",
    "5dx",
    "١s",
    "1000000000000s",
    "1\0s",
    5,
    0.0,
    1.5,
    True,
    False,
    None,
    [],
    {},
]


@pytest.mark.parametrize(("text", "ns"), DURATIONS.items(), ids=repr)
def test_a_duration_is_read(text, ns):
    if text == "0":
        assert parse_duration(0) == 0
    else:
        assert parse_duration(text) == ns


@pytest.mark.parametrize("text", NO_DURATIONS, ids=repr)
def test_what_is_no_duration_is_named_and_examples_are_given(text):
    with pytest.raises(ValueError, match="is not a duration; write e.g. 300ms, 40m, 2h, 5d or 1d 12h$"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["3651d", "3650d 1ms", "999999999d"])
def test_a_duration_beyond_ten_years_is_refused(text):
    with pytest.raises(ValueError, match=f"'{text}' is longer than ten years$"):
        parse_duration(text)


SIZES = {
    "0": 0,
    "512": 512,
    "512B": 512,
    "512 B": 512,
    "20 KB": 20_000,
    "20KB": 20_000,
    "20 KiB": 20_480,
    "1.5 KB": 1_500,
    "1.5 KiB": 1_536,
    "5 MB": 5_000_000,
    "5 MiB": 5 << 20,
    "1 GB": 10**9,
    "1 GiB": 1 << 30,
    " 7 ": 7,
}
NO_SIZES = ["", "KB", "-1", "-1 KB", "20 kb", "20 K", "20 KBs", "1 TB", "1e3", "1 2", "20 KB 3 B", "٢٠"]
NO_SIZES_AT_ALL = [-1, 10**12, 1.5, True, None, [], {}]


@pytest.mark.parametrize(("text", "octets"), SIZES.items(), ids=repr)
def test_a_size_is_read(text, octets):
    assert parse_size(text) == octets


@pytest.mark.parametrize("octets", [0, 1, 512, 10**12 - 1])
def test_a_bare_number_is_octets(octets):
    assert parse_size(octets) == octets


@pytest.mark.parametrize("text", NO_SIZES + NO_SIZES_AT_ALL, ids=repr)
def test_what_is_no_size_is_named_and_examples_are_given(text):
    with pytest.raises(ValueError, match="is not a size; write e.g. 512, 20 KB or 5 MiB$"):
        parse_size(text)


WORDS = {
    -5: "0 s",
    0: "0 s",
    1: "0 s",
    MS: "1 ms",
    300 * MS: "300 ms",
    S: "1 s",
    1_500 * MS: "1 s 500 ms",
    2 * H + 30 * MIN: "2 h 30 min",
    5 * D: "5 d",
    D + 12 * H + 5 * MIN + 3 * S: "1 d 12 h",
    D + 5 * S: "1 d 5 s",
}


@pytest.mark.parametrize(("ns", "text"), WORDS.items(), ids=lambda v: str(v))
def test_a_duration_is_said_with_its_two_largest_units(ns, text):
    assert format_duration(ns) == text


def test_long_nonsense_is_shown_shortened_and_without_control_characters():
    with pytest.raises(ValueError, match="^'·{39}…' is not a duration"):
        parse_duration("\x1b" * 5_000)
    with pytest.raises(ValueError, match="^'x{39}…' is not a size"):
        parse_size("x" * 5_000)


_UNITS = st.sampled_from(["ms", "s", "m", "min", "h", "d"])
_NS_OF = {"ms": MS, "s": S, "m": MIN, "min": MIN, "h": H, "d": D}


@given(st.lists(st.tuples(st.integers(0, 500), _UNITS), min_size=1, max_size=5), st.sampled_from(["", " ", "  "]))
def test_parts_add_up(parts, gap):
    text = gap.join(f"{number}{unit}" for number, unit in parts)
    assert parse_duration(text) == sum(number * _NS_OF[unit] for number, unit in parts)


@given(st.tuples(st.integers(0, 3_000), st.integers(0, 23)) | st.tuples(st.integers(0, 23), st.integers(0, 59)))
def test_what_is_said_with_two_units_is_read_back(pair):
    ns = pair[0] * D + pair[1] * H
    assert parse_duration(format_duration(ns)) == ns


@given(st.integers(0, 3_650 * D))
def test_a_duration_read_back_is_never_longer_and_loses_less_than_its_second_unit(ns):
    back = parse_duration(format_duration(ns))
    assert back <= ns
    assert format_duration(back) == format_duration(ns)


@given(st.integers(0, 10**9), st.sampled_from(["", "B", "KB", "KiB", "MB", "MiB"]))
def test_sizes_scale(number, unit):
    scale = {"": 1, "B": 1, "KB": 1000, "KiB": 1024, "MB": 10**6, "MiB": 1 << 20}[unit]
    assert parse_size(f"{number} {unit}".strip()) == number * scale


_ANYTHING = (
    st.text()
    | st.text("0123456789.dhmsKMGiB \t\n-", max_size=30)
    | st.integers()
    | st.floats()
    | st.booleans()
    | st.none()
    | st.lists(st.integers())
)


@given(_ANYTHING)
def test_nothing_but_value_error_is_ever_raised(value):
    for parse in (parse_duration, parse_size):
        try:
            result = parse(value)
        except ValueError:
            continue
        assert isinstance(result, int)
        assert result >= 0
