from bs4 import BeautifulSoup
from dateutil import parser


def parse_day(text):
    return parser.parse(text).date()


def titles(page):
    return [tag.get_text() for tag in BeautifulSoup(page, "html.parser").find_all("h2")]
