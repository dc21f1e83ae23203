import anyio
from litestar import Litestar, get
from msgspec import Struct
from textkit import nearest


class Answer(Struct):
    name: str


@get("/")
async def find(name: str) -> Answer:
    known = (await anyio.Path("names.txt").read_text()).splitlines()
    return Answer(nearest(name, known))


app = Litestar([find])
