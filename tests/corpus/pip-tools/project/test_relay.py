import pytest

import relay


@pytest.fixture
def client():
    return relay.app.test_client()


def test_wants_a_file(client):
    assert client.post("/").status_code == 400
