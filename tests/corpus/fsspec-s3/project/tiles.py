import click
import fsspec
import numpy as np
import zarr


@click.command()
@click.argument("name")
def main(name):
    array = zarr.open(f"s3://tiles/{name}.zarr", mode="r")
    with fsspec.open(f"gs://results/{name}.bin.zst", "wb", compression="zstd") as out:
        out.write(np.asarray(array[::8, ::8]).tobytes())


if __name__ == "__main__":
    main()
