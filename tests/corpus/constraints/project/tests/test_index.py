import pytest
from starlette.testclient import TestClient

from notes.__main__ import app


@pytest.mark.skip(reason="needs notes.db")
def test_index():
    assert TestClient(app).get("/").status_code == 200
