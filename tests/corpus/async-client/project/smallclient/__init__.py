import ssl

import certifi
import httpcore

context = ssl.create_default_context(cafile=certifi.where())


async def get(url: str) -> bytes:
    async with httpcore.AsyncConnectionPool(ssl_context=context, http2=True) as pool:
        return (await pool.request("GET", url)).content
