import falcon.testing
import pytest
import responses
from faker import Faker
from freezegun import freeze_time
from hamcrest import assert_that, has_entry

from weather.app import create


@pytest.fixture
def client():
    return falcon.testing.TestClient(create())


@responses.activate
@freeze_time("2025-06-01")
def test_forecast(client):
    place = Faker().city()
    responses.get("https://weather.example.org", json={"place": place})
    assert_that(client.simulate_get("/forecast", params={"place": place}).json, has_entry("place", place))
