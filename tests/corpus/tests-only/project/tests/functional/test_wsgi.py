from webtest import TestApp

from weather.app import create


def test_unknown():
    TestApp(create()).get("/nothing", status=404)
