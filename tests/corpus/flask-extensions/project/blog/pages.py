from flask import Blueprint, render_template_string
from markdown import markdown

from blog.extensions import cache, db

pages = Blueprint("pages", __name__)


class Page(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.Text)


@pages.get("/<int:number>")
@cache.cached(timeout=60)
def show(number):
    return render_template_string("{{ text|safe }}", text=markdown(Page.query.get_or_404(number).text))
