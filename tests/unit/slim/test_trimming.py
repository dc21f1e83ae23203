from __future__ import annotations

from slimtorch.elf.reading import Bytes
from slimtorch.elf.splice import Spliced
from slimtorch.slim.model import Pass, Trim
from slimtorch.slim.proof import static
from slimtorch.slim.trimming import Trimmed, refusal, trim
from slimtorch.tables.gpus import find
from tests.support.fatbins import big, make_fatbin
from tests.support.installations import CODE, PLAIN, SMALL, with_code

H100, V100, L4 = find("h100"), find("v100"), find("l4")
assert H100
assert V100
assert L4
BOTH = Trim("x.so", bare=True, gpus=(H100,))


def again(data: bytes, found: Trimmed) -> Bytes:
    """The new file."""
    assert found.splice
    source = Spliced(Bytes(data), found.splice)
    return Bytes(source.at(0, source.size))


def test_the_savings_are_told_apart() -> None:
    found = trim(Bytes(CODE), BOTH)
    assert found.splice
    assert list(found.saved) == [Pass.SYMBOLS, Pass.DEVICE_CODE]
    assert sum(found.saved.values()) == len(CODE) - found.splice.size
    assert found.saved[Pass.SYMBOLS] > 20_000
    assert found.saved[Pass.DEVICE_CODE] > 60_000
    assert list(trim(Bytes(CODE), Trim("x.so", gpus=(H100,))).saved) == [Pass.DEVICE_CODE]
    assert list(trim(Bytes(PLAIN), BOTH).saved) == [Pass.SYMBOLS]


def test_what_was_trimmed_is_proven_and_has_nothing_left() -> None:
    for data in (CODE, PLAIN):
        new = again(data, trim(Bytes(data), BOTH))
        assert static.complaints(Bytes(data), new, BOTH) == ()
        assert trim(new, BOTH).splice is None


def test_nothing_to_gain() -> None:
    assert trim(Bytes(SMALL), BOTH) == Trimmed()


def test_what_is_no_library_stays_and_is_said() -> None:
    assert "64-bit" in trim(Bytes(b"#!/bin/sh\n" * 99), BOTH).note
    assert "left as it is" in trim(Bytes(PLAIN[:2000]), BOTH).note


def test_damaged_device_code_stays_and_the_rest_goes() -> None:
    container = bytearray(make_fatbin(big("sm_80"), big("sm_90")))
    container[8:16] = (1 << 40).to_bytes(8, "little")
    data = with_code(bytes(container), unloaded={".debug_info": bytes(20_000)})
    found = trim(Bytes(data), BOTH)
    assert list(found.saved) == [Pass.SYMBOLS]
    assert found.note.startswith("GPU code left as it is: ")


def test_a_gpu_without_code() -> None:
    found = trim(Bytes(CODE), Trim("x.so", gpus=(H100, V100)))
    assert found.splice is None or found.uncovered == (V100,)
    assert found.uncovered == (V100,)
    assert found.codes == ("sm_80", "sm_90")


def test_the_refusal_names_library_gpu_and_way_out() -> None:
    found = trim(Bytes(CODE), Trim("a/libx.so", gpus=(V100,)))
    error = refusal({"a/libx.so": found}, {"a/libx.so": "wheel:x==1"})
    assert error.message == "libx.so of x 1 has no code for v100 (7.0), only sm_80, sm_90"
    assert "--keep libx.so" in error.hint
    torch = refusal({"a/libtorch_cuda.so": found, **{f"{n}.so": found for n in range(7)}}, {})
    assert torch.message.startswith("libtorch_cuda.so has no code")
    assert "3 more" in torch.message
    assert "not built for that GPU" in torch.hint


def test_a_result_that_lost_code_is_found_out() -> None:
    assert H100
    wrong = again(CODE, trim(Bytes(CODE), Trim("x.so", bare=True, gpus=(find("a100"),))))  # type: ignore[arg-type]
    assert static.complaints(Bytes(CODE), wrong, BOTH) != ()
    assert static.complaints(Bytes(CODE), Bytes(CODE[:-5000]), BOTH) != ()
