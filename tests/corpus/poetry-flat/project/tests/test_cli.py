import pytest
import respx
from typer.testing import CliRunner

from ledger.cli import app


@pytest.fixture
def runner():
    return CliRunner()


@respx.mock
def test_fetch(runner):
    respx.get("http://books.test/").respond(json=[{"text": "nuts", "cents": 120}])
    assert runner.invoke(app, ["fetch", "http://books.test/"]).exit_code == 0
