from pydantic import SecretStr
from pydantic_settings import BaseSettings


class Settings(BaseSettings):
    account: str
    queue: str = "jobs"
    key: SecretStr
