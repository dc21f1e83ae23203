from __future__ import annotations

import tomllib
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slimtorch.errors import ConfigError
from slimtorch.project import config
from slimtorch.project.config import SECTIONS, load, system
from slimtorch.project.config.pyproject import Pyproject
from slimtorch.project.config.reader import Problems
from slimtorch.project.config.reference import markdown
from slimtorch.project.model import Health, Index, Os
from slimtorch.sources.apt import choose_archive
from slimtorch.sources.apt_host import HostApt
from tests.support.projects import THREE_LINES, service, write

REFERENCE = Path(__file__).parents[3] / "docs" / "reference" / "configuration.md"


def problems(root: Path, top: str = "", below: str = "", **files: str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        service(root, top, below, **files)
    return caught.value


def test_three_lines_are_a_project(tmp_path: Path) -> None:
    root = tmp_path / "My Digits"
    root.mkdir()
    project = service(root)
    assert project.service.command == ("python", "serve.py")
    assert project.requirements.files == (root / "requirements.txt",)
    assert project.requirements.origin == "requirements.txt"
    assert (project.python, project.os.suite, project.platforms) == ("3.11", "bookworm", ("linux/amd64",))
    assert (project.image.name, project.image.version) == ("my-digits", "0")
    assert project.app.include == (".",)
    assert project.app.python_path == (PurePosixPath("/app"),)
    assert project.service.health == Health()
    assert (project.service.user, project.service.uid) == ("app", 1000)
    assert project.root == root


def test_pyproject_alone_is_a_project(tmp_path: Path) -> None:
    table = THREE_LINES.replace("[service]", "[tool.slimtorch.service]")
    text = f'[project]\nname = "My_Svc"\nversion = "1.2+x"\ndependencies = ["torch>=2", "numpy"]\n{table}'
    write(tmp_path, {"pyproject.toml": text})
    for path in (tmp_path, tmp_path / "pyproject.toml"):
        project = load(path)
        assert project.requirements.inline == ("torch>=2", "numpy")
        assert project.requirements.origin == "pyproject.toml"
        assert (project.image.name, project.image.version) == ("my-svc", "1.2+x")
        assert project.config_path == tmp_path / "pyproject.toml"


def test_a_file_of_another_name_is_read(tmp_path: Path) -> None:
    write(tmp_path, {"gpu.toml": 'name = "gpu"\n' + THREE_LINES, "requirements.txt": "torch"})
    assert load(tmp_path / "gpu.toml").image.name == "gpu"


def test_every_value_arrives(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    project = service(
        tmp_path,
        'name = "digits"\nversion = "1.2"\npython = "3.13"\nplatforms = ["linux/arm64", "linux/amd64"]\n',
        """user = "svc"
uid = 65532
workdir = "/srv/app"
env = {B = "2", A = "1"}
writable = ["/data/", "/data"]
stop-signal = "int"
[service.health]
path = "/ready?deep=1"
interval = "10s"
timeout = "500ms"
start-period = "measured"
retries = 5
[app]
include = ["serve.py", "src"]
exclude = ["*.csv"]
weights = ["w.bin"]
[os]
suite = "trixie"
packages = ["libgl1", "curl", "curl"]
mirror = "https://deb.example.org/debian/"
[torch]
device = "cuda"
[check]
path = "/answer"
file = "checks.json"
tolerance = 1e-4
[image]
name = "team/digits"
tag = "{version}-{device}"
allow-latest = true
labels = {"com.example.team" = "a, b"}
[layers]
budget = 5
largest = "1.5GiB"
[sources]
vendor = "vendor"
[[sources.index]]
name = "models"
url = "https://packages.example.org/simple"
""",
        w__bin="",
        checks__json="[]",
    )
    assert (project.python, project.platforms) == ("3.13", ("linux/amd64", "linux/arm64"))
    runs = project.service
    assert (runs.user, runs.uid, runs.workdir, runs.stop_signal) == ("svc", 65532, PurePosixPath("/srv/app"), "SIGINT")
    assert list(runs.env.items()) == [("A", "1"), ("B", "2")]
    assert runs.writable == (PurePosixPath("/data"),)
    assert runs.health == Health("/ready?deep=1", 10, 0.5, None, 5)
    assert project.app.python_path == (PurePosixPath("/srv/app"), PurePosixPath("/srv/app/src"))
    assert project.app.weights == ("w.bin",)
    assert (project.os.suite, project.os.packages) == ("trixie", ("curl", "libgl1"))
    assert project.os.mirror == "https://deb.example.org/debian"
    assert project.torch.device == "cuda"
    assert (project.check.path, project.check.file, project.check.tolerance) == (
        "/answer", tmp_path / "checks.json", 1e-4,
    )  # fmt: skip
    assert (project.image.name, project.image.version, project.image.tag) == (
        "team/digits", "1.2", "{version}-{device}",
    )  # fmt: skip
    assert project.image.allow_latest
    assert project.image.labels == {"com.example.team": "a, b"}
    assert (project.layers.budget, project.layers.largest) == (5, 3 * 2**29)
    assert project.sources.indexes == (Index("models", "https://packages.example.org/simple"),)
    assert project.sources.vendor == tmp_path / "vendor"


@pytest.mark.parametrize("text", ["health = false\n", "[health]\nretries = 9\n"])
def test_health_at_either_place(tmp_path: Path, text: str) -> None:
    at_top = text.startswith("[")
    project = service(tmp_path, "" if at_top else text, text if at_top else "")
    assert project.service.health == (Health(retries=9) if at_top else None)


def test_health_switched_off_below_service(tmp_path: Path) -> None:
    assert service(tmp_path, "", "health = false\n").service.health is None


BAD = [
    # top, below, part of the message
    ('nmae = "x"\n', "", "nmae: is not a key that slimtorch knows; did you mean `name`?"),
    ("", "[servise]\n", "servise: is not a key that slimtorch knows; did you mean `service`?"),
    ("", "[service.health]\nstart_period = 3\n",
     "service.health.start_period: is not a key that slimtorch knows; did you mean `start-period`?"),
    ("", "[health]\nintervall = 3\n", "health.intervall: is not a key that slimtorch knows; did you mean `interval`?"),
    ("name = 3\n", "", "name: must be text, not a number"),
    ('name = "Big Name"\n', "", "name: must be a name of lower-case letters"),
    ('name = ""\n', "", "name: must not be empty"),
    ('version = "1 2"\n', "", "version: must be a version"),
    ("python = 3.10\n", "", 'python: must be text, such as "3.11"'),
    ('python = "3.11.4"\n', "", 'python: must be MAJOR.MINOR such as "3.11"'),
    ('python = "3.12"\n', "", "python: Debian bookworm packages Python 3.11, not 3.12"),
    ("platforms = []\n", "", "platforms: must name a platform"),
    ('platforms = ["linux/x86_64"]\n', "", "did you mean `linux/amd64`?"),
    ('platforms = "linux/amd64"\n', "", "platforms: must be a list of texts, not text"),
    ('requirements = "gone.txt"\n', "", "requirements: 'gone.txt' does not exist in the project folder"),
    ('requirements = "../x.txt"\n', "", "requirements: '../x.txt' leads outside the project folder"),
    ('requirements = "/etc/x.txt"\n', "", "requirements: '/etc/x.txt' must be relative to the project folder"),
    ('requirements = ["requirements.txt", "uv.lock"]\n', "", "may hold several requirements files, or one"),
    ("requirements = []\n", "", "requirements: must name a file"),
    ('groups = ["serve"]\nrequirements = "requirements.txt"\n', "", "groups: chooses from pyproject.toml, but"),
    ('groups = ["no such"]\n', "", "groups: 'no such' is not the name of a group"),
    ("app = 3\n", "", "app: must be a table, not a number"),
    ("", '[app]\ninclude = ["gone"]\n', "app.include: 'gone' does not exist in the project folder"),
    ("", '[app]\ninclude = ["serve.py", "./serve.py"]\n', "app.include: names a path twice"),
    ("", '[app]\nweights = ["link"]\n', "app.weights: 'link' is a link that leads outside the project folder"),
    ("", '[app]\npython-path = ["/usr/lib"]\n', "app.python-path: '/usr/lib' belongs to the image's system"),
    ("", '[os]\nsuite = "bokworm"\n', "slimtorch knows; did you mean `bookworm`?"),
    ("", '[os]\nsuite = "stable"\n', "os.suite: 'stable' is not a fixed release"),
    ("", '[os]\npackages = ["curl=7"]\n', "os.packages: 'curl=7' is not the name of a Debian package"),
    ("", '[os]\nbase = "docker:x"\n', "os.base: 'docker:x' cannot be a base"),
    ("", '[os]\nbase = "nothing"\n', "os.base: cannot understand the reference 'nothing'"),
    ('python = "3.11"\n', '[os]\nbase = "oci:b"\npackages = ["curl"]\n', "os.packages: does not go with os.base"),
    ("", '[os]\nbase = "oci:b"\n', "python: is missing: say which Python the base image holds"),
    ("", '[os]\nmirror = "deb.example.org"\n', "os.mirror: must be an address"),
    ("", '[os]\nmirror = "https://a:b@deb.example.org"\n', "os.mirror: must not hold a user or password"),
    ("", '[os]\nmirror = "mirror+https://a:b@deb.example.org"\n', "os.mirror: must not hold a user or password"),
    ("", '[os]\nmirror = "file:/a http://b c"\n', "os.mirror: must be one address, or two"),
    ("", '[os]\nmirror = "file:/a ftp://b"\n', "os.mirror: must be an address"),
    ("", '[os]\nkeyring = "gone.gpg"\n', "os.keyring: 'gone.gpg' does not exist"),
    ("", '[os]\nsnapshot = "yesterday"\n', "os.snapshot: must be a time in UTC"),
    ("", '[torch]\ndevice = "cu128"\n', 'torch.device: must be "cpu" or "cuda", not \'cu128\''),
    ("", '[torch]\ndevice = "tpu"\n', 'torch.device: must be "cpu" or "cuda", not \'tpu\''),
    ("", '[torch]\ncuda = "11.9"\n', "torch.cuda: no torch that slimtorch knows was built for CUDA 11.9, only for 11"),
    ("", '[torch]\ncuda = "11.9"\n', "; did you mean `11.8`?"),
    ("", '[torch]\ncuda = "13.7"\n', "; did you mean `13.2`?"),
    ("", '[torch]\ncuda = "cu130"\n', "torch.cuda: must be a CUDA version such as"),
    ("", '[torch]\ncuda = "13.0.2"\n', "torch.cuda: must be a CUDA version such as"),
    ("", '[torch]\ncuda = "newest"\n', "torch.cuda: must be a CUDA version, not 'newest': one of 11.7,"),
    ("", "[torch]\ncuda = 13.0\n", "torch.cuda: must be text, not a number"),
    ("", '[torch]\ngpus = ["h1OO"]\n', "torch.gpus: 'h1OO' is not a GPU that slimtorch knows"),
    ("", '[torch]\ngpus = ["rtx-5909"]\n', "; did you mean `rtx-5090`?"),
    ("", '[torch]\ngpus = ["9.1"]\n', "torch.gpus: '9.1' is not a compute capability that slimtorch knows: 3.7, 5.0,"),
    ("", '[torch]\ngpus = ["sm_90"]\n', "torch.gpus: 'sm_90' is an architecture"),
    ("", "[torch]\ngpus = [9.0]\n", "torch.gpus: must be texts, not numbers"),
    ("", "[torch]\ngpus = []\n", "torch.gpus: names no GPU"),
    ("", '[torch]\ngpus = "h100"\n', "torch.gpus: must be a list of texts, not text"),
    ("", '[torch]\ndevice = "cpu"\ncuda = "13.0"\n', 'torch.cuda: does not go with torch.device = "cpu"'),
    ("", '[torch]\ndevice = "cpu"\ngpus = ["h100"]\n', 'torch.gpus: does not go with torch.device = "cpu"'),
    ("", 'user = "root"\n', "service.user: must not be root"),
    ("", 'user = "A b"\n', "service.user: must be a user name"),
    ("", "uid = 0\n", "service.uid: must not be 0, which is root"),
    ("", "uid = 70000\n", "service.uid: must be from 0 to 65533, not 70000"),
    ("", "uid = true\n", "service.uid: must be a whole number, not true/false"),
    ("", 'workdir = "app"\n', "service.workdir: 'app' must be an absolute path in the image"),
    ("", 'workdir = "/a/../usr"\n', "service.workdir: '/a/../usr' must be an absolute path"),
    ("", 'workdir = "//usr/x"\n', "service.workdir: '//usr/x' belongs to the image's system"),
    ("", 'workdir = "/"\n', "service.workdir: '/' belongs to the image's system"),
    ("", 'writable = ["/etc"]\n', "service.writable: '/etc' belongs to the image's system"),
    ("", 'writable = ["/a,b"]\n', "service.writable: '/a,b' must not hold ',' or ':'"),
    ("", "env = {PORT = 80}\n", "service.env: PORT must be text, not a number"),
    ("", 'env = {"A-B" = "1"}\n', "service.env: 'A-B' is not a name that a variable can have"),
    ("", 'env = {PYTHONPATH = "/x"}\n', "service.env: must not set PYTHONPATH"),
    ("", 'env = {A = "\\u0000"}\n', "service.env: A must not hold a zero byte"),
    ("", 'stop-signal = "SIGTREM"\n', "service.stop-signal: 'SIGTREM' is not a signal; did you mean `SIGTERM`?"),
    ("", 'health = "no"\n', "service.health: must be a table, not text"),
    ("", "[health]\n[service.health]\n", "health: is there twice, as [health] and as [service.health]"),
    ("", '[health]\npath = "ready"\n', 'health.path: must be a path on the service such as "/health"'),
    ("", "[health]\ninterval = 0\n", "health.interval: must be a millisecond or more"),
    ("", '[health]\ninterval = "5 days"\n', "health.interval: must be seconds (30) or a time such as"),
    ("", "[health]\ntimeout = 1e9\n", "health.timeout: must be from 0 to 86400"),
    ("", "[health]\ntimeout = nan\n", "health.timeout: must be from 0 to 86400"),
    ("", '[health]\nstart-period = "mesured"\n', 'or "measured"'),
    ("", "[health]\nretries = 0\n", "health.retries: must be from 1 to 100, not 0"),
    ("", "[health]\nretries = 2.5\n", "health.retries: must be a whole number"),
    ("", '[check]\nfile = "."\n', "check.file: '.' is not a file"),
    ("", f'[app]\ninclude = ["{"x" * 300}"]\n', "cannot be used: File name too long"),
    ("", '[check]\nfile = "gone.json"\n', "check.file: 'gone.json' does not exist"),
    ("", "[check]\ntolerance = -1\n", "check.tolerance: must be from 0 to 1"),
    ("", '[image]\ntag = "{tortch}"\n', "uses {tortch}, which is not known; did you mean {torch}?"),
    ("", '[image]\ntag = "a b"\n', "image.tag: the tag pattern 'a b' cannot give a tag"),
    ("", '[image]\ntag = "latest"\n', "image.tag: must not be latest"),
    ("", '[image]\nallow-latest = "yes"\n', "image.allow-latest: must be true or false, not text"),
    ("", '[image]\nlabels = {"io.slimtorch.x" = "1"}\n', "'io.slimtorch.x' is reserved"),
    ("", '[image]\nlabels = {"org.opencontainers.image.version" = "1"}\n',
     "is written by slimtorch; set version instead"),
    ("", '[image]\nlabels = {"a b" = "1"}\n', "image.labels: 'a b' is not a label"),
    ("", '[layers]\nlargest = "1 TB"\n', "layers.largest: must be bytes or a size such as"),
    ("", "[layers]\nbudget = 127\n", "layers.budget: must be from 1 to 100, not 127"),
    ("", '[sources]\nvendor = "../wheels"\n', "sources.vendor: '../wheels' leads outside the project folder"),
    ("", '[[sources.index]]\nname = "default"\nurl = "https://a.example.org"\n',
     "is the name of the machine's own index"),
    ("", '[[sources.index]]\nname = "a"\n', "sources.index.url: is missing"),
    ("", '[[sources.index]]\nname = "a"\nurl = "a.example.org"\n', "sources.index.url: must be an address"),
    ("", '[[sources.index]]\nname = "a"\nurl = "https://u:p@a.example.org"\n', "must not hold a user or password"),
    ("", '[[sources.index]]\nname = "a"\nurl = "https://a.example.org"\n' * 2,
     "sources.index.name: 'a' is there twice"),
    ("", "[sources]\nindex = 3\n", "sources.index: must be [[sources.index]] tables"),
]  # fmt: skip


@pytest.mark.parametrize(("top", "below", "message"), BAD, ids=[row[2] for row in BAD])
def test_each_problem_names_its_key(tmp_path: Path, top: str, below: str, message: str) -> None:
    (tmp_path / "link").symlink_to("/usr")
    error = problems(tmp_path, top, below, uv__lock="", pyproject__toml="[project]\n")
    assert len(error.problems) == 1, error.message
    assert message in error.message
    assert error.message.startswith(str(tmp_path / "slimtorch.toml"))


@pytest.mark.parametrize(
    ("command", "message", "hint"),
    [
        ('"python x.py --name \'a b\'"', "must be a list", 'write command = ["python", "x.py", "--name", "a b"]'),
        ('"it\'s"', "must be a list", "write command = ["),
        ("[]", "must name a program", ""),
        ('["python", 3]', "must be text, not a number", ""),
        ('["/bin/sh", "-c", "x"]', "the image has no shell", '[os] packages = ["dash"]'),
        ('["bash", "x"]', "the image has no shell", '[os] packages = ["bash"]'),
    ],
)  # fmt: skip
def test_commands_are_exec_form(tmp_path: Path, command: str, message: str, hint: str) -> None:
    write(tmp_path, {"slimtorch.toml": f"[service]\ncommand = {command}\n", "requirements.txt": ""})
    with pytest.raises(ConfigError) as caught:
        load(tmp_path)
    assert "service.command: " in caught.value.message
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_shell_that_is_installed_may_be_used(tmp_path: Path) -> None:
    text = '[service]\ncommand = ["bash", "run.sh"]\n[os]\npackages = ["bash"]\n'
    write(tmp_path, {"slimtorch.toml": text, "requirements.txt": ""})
    assert load(tmp_path).service.command == ("bash", "run.sh")


def test_all_problems_are_shown_together(tmp_path: Path) -> None:
    error = problems(tmp_path, 'nmae = "x"\npython = 3\n', "uid = 0\n[app]\ninclude = ['gone', 'gone2']\n")
    assert len(error.problems) == 5
    assert "has 5 problems:\n  nmae" in error.message
    assert "Traceback" not in error.message


def test_a_missing_command_says_how(tmp_path: Path) -> None:
    write(tmp_path, {"slimtorch.toml": "", "requirements.txt": ""})
    with pytest.raises(ConfigError, match=r"service\.command: is missing") as caught:
        load(tmp_path)
    assert 'command = ["python", "serve.py"]' in caught.value.hint


def test_keys_of_pyproject_have_their_full_name(tmp_path: Path) -> None:
    write(
        tmp_path,
        {"pyproject.toml": '[project]\ndependencies = []\n[tool.slimtorch.service]\nprot = 3\ncommand = ["x"]\n'},
    )
    with pytest.raises(ConfigError, match=r"tool\.slimtorch\.service\.prot: .* did you mean `port`"):
        load(tmp_path)


def test_no_configuration_shows_the_three_lines(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "[project]\nname = 'x'\n"})
    with pytest.raises(ConfigError, match=r"no slimtorch\.toml") as caught:
        load(tmp_path)
    assert 'command = ["python", "serve.py"]' in caught.value.hint


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="gone: does not exist"):
        load(tmp_path / "gone")


def test_two_configurations(tmp_path: Path) -> None:
    write(tmp_path, {"slimtorch.toml": THREE_LINES, "pyproject.toml": "[tool.slimtorch]\n", "requirements.txt": ""})
    for path in (tmp_path, tmp_path / "slimtorch.toml", tmp_path / "pyproject.toml"):
        with pytest.raises(ConfigError, match="there twice") as caught:
            load(path)
        assert "drop [tool.slimtorch] from pyproject.toml" in caught.value.hint


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"[service]\nport 8000\n", r"slimtorch\.toml:2:6: is not TOML: Expected '='"),
        (b"a = 1\na = 2\n", r"slimtorch\.toml:2:6: is not TOML: Cannot overwrite"),
        (b"name = '\xff'\n", r"is not UTF-8 text \(byte 8\)"),
        (b"a = " + b"[" * 5000, "is not TOML|nested too deeply"),
        (b"#" * 1_000_001, "is larger than 1000000 bytes"),
    ],
)
def test_files_that_are_no_toml(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "slimtorch.toml").write_bytes(data)
    with pytest.raises(ConfigError, match=message):
        load(tmp_path)


def test_tool_that_is_no_table(tmp_path: Path) -> None:
    write(tmp_path, {"pyproject.toml": "tool = 3\n"})
    with pytest.raises(ConfigError, match="no \\[tool\\.slimtorch\\]"):
        load(tmp_path)
    write(tmp_path, {"pyproject.toml": "[tool]\nslimtorch = 3\n"})
    with pytest.raises(ConfigError, match="must be a table"):
        load(tmp_path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("fuzz"), {"requirements.txt": "torch\n"})


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text("a/.:-_{}0\x00é\n~", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("aZ-", max_size=3), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(config.keys()), values)
def test_any_value_is_taken_or_named(folder: Path, key: str, value: object) -> None:
    *tables, last = key.split(".")
    inner: dict[str, Any] = {last: value}
    for name in reversed(tables):
        inner = {name: [inner] if name == "index" else inner}
    given_service = inner.pop("service", {})
    document = {**inner, "service": {"command": ["x"], **given_service}}
    problems = Problems()
    config._read(config._Source(folder / "slimtorch.toml", document, "", Pyproject()), problems, "linux/amd64")
    assert all("\n" not in line for line in problems.lines)


# -- the reference ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "mirror",
    [
        "file:/srv/debian",
        "copy:/srv/debian",
        "mirror+file:/etc/apt/mirrors/debian.list",
        "http://d.example/debian http://s.example/debian-security",
        "https://s.example/{archive}/{snapshot}",
    ],
)
def test_a_mirror_may_be_whatever_the_option_takes(mirror: str) -> None:
    assert system.MIRROR.kind(mirror) == mirror
    chosen = choose_archive(Os(mirror=mirror.replace("{snapshot}", "1")), HostApt())
    assert chosen.main == mirror.split(maxsplit=1)[0].replace("{snapshot}", "1").replace("{archive}", "debian")


def test_the_reference_is_current() -> None:
    assert REFERENCE.read_text() == markdown(), "run python -m slimtorch.project.config.reference"


def test_the_reference_names_every_key() -> None:
    text, names = REFERENCE.read_text(), config.keys()
    assert len(names) == len(set(names)) > 40
    for name in names:
        assert f"\n| `{name.rpartition('.')[2]}` |" in text


@pytest.mark.parametrize("section", SECTIONS, ids=[section.name or "top" for section in SECTIONS])
def test_defaults_and_examples_of_the_reference_are_true(section: config.Section) -> None:
    for key in section.keys:
        for shown, is_default in ((key.shown, True), (key.example or key.shown, False)):
            try:
                value = tomllib.loads(f"x = {shown}")["x"]
            except tomllib.TOMLDecodeError:
                assert is_default, f"{key.name}: {shown}"
                continue
            if not (is_default and value == [] and key.default == ()):
                found = key.kind(value)
                assert not is_default or found == key.default, key.name
