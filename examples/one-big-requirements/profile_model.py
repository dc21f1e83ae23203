"""python -m memory_profiler profile_model.py"""

from memory_profiler import profile
from model import Boiler


@profile
def many() -> None:
    Boiler.load().unusual([(62.0, 1.5, 9.0, 50.0)] * 100_000)


if __name__ == "__main__":
    many()
