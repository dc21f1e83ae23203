import pytest

import scorer


def test_unknown():
    with pytest.raises(KeyError):
        scorer.backend("nothing")
