import pytest
from model import Boiler


@pytest.mark.parametrize(("row", "unusual"), [((62.0, 1.5, 9.0, 50.0), False), ((62.0, 0.3, 9.0, 50.0), True)])
def test_unusual(row, unusual):
    assert Boiler.load().unusual([row]) == [unusual]
