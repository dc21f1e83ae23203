import asyncio

import tornado.web

from app import tokens
from config import PORT
from magic import kind_of


class Upload(tornado.web.RequestHandler):
    def post(self):
        (file,) = self.request.files["file"]
        self.write({"kind": kind_of(file.body), "token": tokens.seal(file.filename)})


async def main():
    tornado.web.Application([("/", Upload)]).listen(PORT)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
