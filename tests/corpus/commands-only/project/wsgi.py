import json
import os

import psycopg2
from bottle import Bottle

app = Bottle()
settings = json.load(open("settings.json"))


@app.get("/jobs")
def jobs():
    with psycopg2.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("select name from jobs limit %s", (settings["limit"],))
        return {"jobs": [name for (name,) in cursor]}
