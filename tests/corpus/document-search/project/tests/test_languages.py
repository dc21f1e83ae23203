import pytest

from docsearch.languages import usable


@pytest.mark.parametrize("text", ["The cat sat on the mat.", "Die Katze sitzt auf der Matte."])
def test_usable(text):
    assert usable(text)
