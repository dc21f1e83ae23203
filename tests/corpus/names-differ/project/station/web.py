"""The page that shows what the station saw."""
import os

import jwt
from dotenv import load_dotenv
from flask import Flask, abort, jsonify, request

from station.camera import look
from station.report import parse_day

load_dotenv()
app = Flask(__name__)


@app.get("/seen")
def seen():
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    try:
        jwt.decode(token, os.environ["SECRET"], algorithms=["HS256"])
    except jwt.InvalidTokenError:
        abort(401)
    return jsonify(look(parse_day(request.args.get("day", "today"))))
