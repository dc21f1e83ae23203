"""The recorded facts against the real wheels."""

from __future__ import annotations

import pytest

from slimtorch.errors import FetchError, ResolveError
from tests.corpus import cases, record

SAMPLE = (
    "attrs",
    "beautifulsoup4",
    "google-cloud-storage",
    "opencv-python",
    "pillow",
    "pyyaml",
    "scikit-learn",
    "zarr",
)


@pytest.mark.live
def test_a_sample_is_what_the_wheels_say() -> None:
    facts = cases.facts()
    pinned = [f"{name}=={facts[name].version}" for name in SAMPLE]
    try:
        found = record.recorder().read(pinned)
    except (ResolveError, FetchError) as error:
        pytest.skip(f"the configured indexes do not hold {', '.join(pinned)}: {error.message}")
    assert {name: record.plain(found[name]) for name in SAMPLE} == {name: record.plain(facts[name]) for name in SAMPLE}


def test_no_address_is_recorded() -> None:
    text = cases.FACTS.read_text(encoding="utf-8")
    assert "://" not in text
    assert len(text) < 2_000_000
