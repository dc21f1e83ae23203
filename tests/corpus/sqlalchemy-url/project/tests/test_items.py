import pytest

from app.models import Item


@pytest.mark.parametrize("name", ["nut", "bolt"])
def test_item(name):
    assert Item(name=name).name == name
