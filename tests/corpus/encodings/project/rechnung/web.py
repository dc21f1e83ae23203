from flask import Flask

from rechnung.betrag import in_worten
from rechnung.kalender import fällig

app = Flask(__name__)


@app.get("/<int:cent>")
def zeigen(cent):
    return f"{in_worten(cent)}, fällig am {fällig()}"
