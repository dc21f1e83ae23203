import attr
import yaml


@attr.s(auto_attribs=True, frozen=True)
class Settings:
    camera: int = 0
    colours: int = 5


def load(path="station.yaml"):
    with open(path) as file:
        return Settings(**yaml.safe_load(file))
