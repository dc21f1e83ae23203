import asyncio

from azure.core.exceptions import ResourceNotFoundError
from azure.identity.aio import DefaultAzureCredential
from azure.servicebus.aio import ServiceBusClient
from azure.storage.blob.aio import BlobServiceClient

from worker.settings import Settings


async def run() -> None:
    settings = Settings()
    async with DefaultAzureCredential() as credential:
        blobs = BlobServiceClient(settings.account, credential=credential)
        async with ServiceBusClient(settings.account, credential) as bus:
            async for message in bus.get_queue_receiver(settings.queue):
                try:
                    await blobs.get_blob_client("in", str(message)).download_blob()
                except ResourceNotFoundError:
                    continue


if __name__ == "__main__":
    asyncio.run(run())
