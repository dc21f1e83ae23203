import falcon
import requests
from marshmallow import Schema, fields


class Query(Schema):
    place = fields.Str(required=True)
    day = fields.Date()


class Forecast:
    def on_get(self, request, response):
        query = Query().load(request.params)
        response.media = requests.get("https://weather.example.org", params=query, timeout=3).json()


def create():
    app = falcon.App()
    app.add_route("/forecast", Forecast())
    return app
