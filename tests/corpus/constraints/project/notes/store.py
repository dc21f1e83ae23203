import anyio
import aiosqlite


async def notes():
    with anyio.fail_after(2):
        async with aiosqlite.connect("notes.db") as connection:
            return [row[0] async for row in await connection.execute("select text from notes")]
