"""Every rule of ``slimtorch verify``, in one table: what is looked at, why, and what to do about it."""

from __future__ import annotations

from slimtorch.findings import Rule, Severity

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO


INTERPRETER = Rule(
    "RUN601", ERROR, "the virtual environment's interpreter is there",
    "a link to an interpreter that is elsewhere, or nowhere, starts nothing",
    "build the image again; with a base of your own, put python3.X into it",
)  # fmt: skip
VERSION = Rule(
    "RUN602", ERROR, "the interpreter is of the version that the image was locked for",
    "another version has another ABI and another site-packages folder",
    "lock again for the Python version of the base image",
)  # fmt: skip
PYVENV = Rule(
    "RUN603", ERROR, "pyvenv.cfg names the folder of the interpreter and its version",
    "Python finds its standard library through `home`",
    "build the image again; a virtual environment cannot be moved",
)  # fmt: skip
SHEBANG = Rule(
    "RUN604", ERROR, "every script's first line names an interpreter that is in the image",
    "a script that was installed elsewhere starts an interpreter that is not there",
    "install the package into the environment of the image, at its final path",
)  # fmt: skip
EXTENSION = Rule(
    "RUN605", ERROR, "every extension module fits the interpreter and the processor",
    "Python passes over an extension of another ABI, and the loader refuses one for another machine",
    "install the wheel for the image's Python and platform; lock again",
)  # fmt: skip
SITE_PACKAGES = Rule(
    "RUN606", ERROR, "site-packages belongs to the interpreter's version",
    "python3.11 never looks into lib/python3.12/site-packages",
    "build the virtual environment with the image's interpreter",
)  # fmt: skip
RECORD = Rule(
    "RUN607", ERROR, "every file of a distribution's RECORD is there and has the size and the hash that it says",
    "a package whose files are gone or changed breaks when it is used, not when it is installed",
    "build the image again from the locked wheels",
)  # fmt: skip
SONAME = Rule(
    "RUN608", ERROR, "the loader finds every shared library that a program or extension needs",
    "a missing library shows only when the module is imported",
    "add the package that has the library to [os] packages",
)  # fmt: skip
PRELOADED = Rule(
    "RUN609", INFO, "libraries that are found only because something else loaded them before",
    "such a library works after its package was imported, and not by itself",
    "import the package that brings the library first",
)  # fmt: skip
ROOT_USER = Rule(
    "RUN610", ERROR, "the image does not run as root",
    "whoever breaks into a service that runs as root owns the container",
    "set [service] user and uid (1000 by default)",
)  # fmt: skip
DANGLING = Rule(
    "RUN611", WARNING, "every link leads somewhere",
    "a link to nothing is a file that somebody expected",
    "add the package that has the target to [os] packages, or drop the link",
)  # fmt: skip
COMMAND = Rule(
    "RUN612", ERROR, "the command is a program of the image",
    "a command that is not there, or a shell form in an image without a shell, never starts",
    "set [service] command to a program of the image, in exec form (a list)",
)  # fmt: skip
HEALTH = Rule(
    "RUN613", WARNING, "the image has a health check, and its program is there",
    "an engine that cannot ask cannot replace a service that hangs",
    "set [service.health] path; slimtorch brings the probe",
)  # fmt: skip
WRITABLE = Rule(
    "RUN614", ERROR, "the folders that are declared writable are, for any user id",
    "a cache that cannot be written fails at the first download or compilation",
    "give the folder mode 1777, or make it in the image as the service's user",
)  # fmt: skip
ENGINE = Rule(
    "RUN620", ERROR, "an engine on this machine starts the image",
    "nothing was proved",
    "install bubblewrap or runc, or start docker; run verify where the image's processor is",
)  # fmt: skip
SKIPPED = Rule(
    "RUN621", INFO, "engines that could not be used here",
    "another engine enforces more or less than the one that was used",
    "see the reason",
)  # fmt: skip
UNPROVEN = Rule(
    "RUN622", INFO, "what the engine that was used cannot show",
    "a property that nobody enforced was not tested",
    "run verify on a machine with docker, podman or runc",
)  # fmt: skip
IMPORT = Rule(
    "RUN623", ERROR, "the modules import",
    "a service that imports lazily fails at the first request",
    "read the reason; a missing library is named in it",
)  # fmt: skip
NEVER_WELL = Rule(
    "RUN624", ERROR, "the service gets healthy",
    "an orchestrator kills a container that never gets healthy, again and again",
    "read the service's last lines; check [service] command, port and [service.health] path",
)  # fmt: skip
TOO_EARLY = Rule(
    "RUN625", ERROR, "the service is healthy only when it can answer",
    "traffic is sent to a healthy container: a health route that is good too early loses requests",
    "let the health route answer 503 until the model is loaded",
)  # fmt: skip
ANSWER = Rule(
    "RUN626", ERROR, "held-out inputs get the expected answers",
    "wrong weights and broken kernels start, answer and are wrong",
    "compare the weights with those that the answers were made with; make the answers again if they changed on purpose",
)  # fmt: skip
QUESTIONS = Rule(
    "RUN627", INFO, "at least 20 held-out inputs are given",
    "without them nobody knows whether the answers are right",
    "set [check] file to a JSON list of {input, output}",
)  # fmt: skip
IDENTITY = Rule(
    "RUN628", ERROR, "the service runs as the user that the image names",
    "files and limits are meant for that user",
    "set [service] uid",
)  # fmt: skip
SEALED = Rule(
    "RUN629", ERROR, "nothing outside the writable folders can be written",
    "a service that can change its own code can be changed",
    "run with a read-only root",
)  # fmt: skip
UNWRITABLE = Rule(
    "RUN630", ERROR, "cache folders can be written on a read-only root",
    "libraries write to HF_HOME, TORCH_HOME and others at the first use and fail then",
    "list the folder in [service] writable, or point the variable below /cache",
)  # fmt: skip
CHECK_FAILS = Rule(
    "RUN631", ERROR, "the image's health check is good while the service is well",
    "an engine would kill a healthy service",
    "check the health check's port, path and timeout",
)  # fmt: skip
CHECK_LIES = Rule(
    "RUN632", ERROR, "the image's health check is bad when the service is down",
    "a check that is always good finds nothing",
    "ask the service in the health check, and let it fail",
)  # fmt: skip
STOP = Rule(
    "RUN633", WARNING, "the service ends within 10 s of its stop signal",
    "engines kill what does not end, in the middle of requests",
    "handle SIGTERM; use the exec form, so that the service gets the signal",
)  # fmt: skip
OTHER_USER = Rule(
    "RUN634", ERROR, "the image works as any other user id",
    "some platforms (OpenShift) choose the user id themselves",
    "let every user read the service's files, and set HOME, USER and LOGNAME",
)  # fmt: skip
PRIVILEGES = Rule(
    "RUN635", ERROR, "the service holds no capabilities and cannot gain any",
    "the engine was told to drop them",
    "report this: the engine does not do what it says",
)  # fmt: skip
PORT = Rule(
    "RUN636", ERROR, "the service's port is free where the image is tried",
    "another program would answer in its place",
    "stop the other program, or use an engine that isolates the network",
)  # fmt: skip
OVERDUE = Rule(
    "RUN637", ERROR, "the service answers all questions in time (5 minutes together) and the run comes to its end",
    "a service that hangs, or takes minutes for an answer, is no service",
    "look at its last lines; ask fewer or smaller questions if it is meant to be slow",
)  # fmt: skip
ON_GPU = Rule(
    "RUN638", ERROR, "the image computes the same on a GPU as its original (only with --on-gpu)",
    "GPU code that was left out is only missed when a kernel is called",
    "slim the original again for this GPU, with --vendor or a stand-in less; please report it",
)  # fmt: skip
EXPLAINED = Rule(
    "RUN639", ERROR, "everything that differs from the original is in the image's ledger (only with --against)",
    "a file that is gone, new or other for no written reason is a mistake, or somebody's doing",
    "compare with the image that this one was slimmed from; else slim that one again",
)  # fmt: skip
LIBRARY = Rule(
    "RUN640", ERROR, "each changed library has what its original has, for the GPUs of the label (only with --against)",
    "a symbol, a relocation or a kernel that is not there is missed when it is called",
    "slim the original again; please report it",
)  # fmt: skip
AS_BEFORE = Rule(
    "RUN641", ERROR, "what loads, imports and computes in the original does so in the image (only with --against)",
    "what is only opened by name while the service runs cannot be read from the files",
    "slim the original again and keep what the finding names ([slim] keep)",
)  # fmt: skip

RULES = tuple(value for value in list(globals().values()) if isinstance(value, Rule))
"""All rules, in the order of their ids."""
