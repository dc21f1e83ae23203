import pytest
import trustme
import uvicorn


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def server(authority):
    return uvicorn.Server(uvicorn.Config("tests.app:app", port=0))
