import click

from confmerge.merge import YamlMerger


@click.command()
@click.argument("files", nargs=-1)
def main(files):
    click.echo(YamlMerger().merge(files))


if __name__ == "__main__":
    main()
