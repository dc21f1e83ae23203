import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.routing import Route
from starlette.templating import Jinja2Templates

from notes.store import notes

pages = Jinja2Templates(directory="pages")


async def index(request):
    request.session["seen"] = True
    return pages.TemplateResponse(request, "index.html", {"notes": await notes()})


app = Starlette(routes=[Route("/", index)], middleware=[Middleware(SessionMiddleware, secret_key="not a secret")])

if __name__ == "__main__":
    uvicorn.run("notes.__main__:app", port=8000)
