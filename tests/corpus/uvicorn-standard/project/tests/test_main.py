import pytest
from fastapi.testclient import TestClient

from app.main import app


@pytest.fixture
def client():
    return TestClient(app)


def test_refuses_what_is_no_address(client):
    assert client.post("/subscribe", json={"email": "nobody"}).status_code == 422
