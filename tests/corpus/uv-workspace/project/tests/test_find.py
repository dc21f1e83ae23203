import pytest
from textkit import nearest


@pytest.mark.parametrize("written", ["Ane", "anne"])
def test_nearest(written):
    assert nearest(written, ["Anne", "Bert"]) == "Anne"
