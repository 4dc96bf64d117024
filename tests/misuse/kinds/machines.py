"""Machines that lack something."""

from __future__ import annotations

from tests.misuse.tries import RUN, Step, Try, somewhere, works

LONG = "/tmp/" + "t" * 90
ENVIRONMENTS = {
    "no home folder": {"HOME": None},
    "a home folder that is not there": {"HOME": "/nonexistent/home"},
    "a home folder that is a file": {"HOME": "/dev/null"},
    "a temporary folder that is not there": {"TMPDIR": "/nonexistent/tmp"},
    "no path to programs": {"PATH": "/usr/bin:/bin"},
    "another time zone": {"TZ": "Pacific/Chatham"},
    "a time zone that is not there": {"TZ": "Mars/Olympus"},
    "optimised Python": {"PYTHONOPTIMIZE": "2"},
    "warnings that are errors": {"PYTHONWARNINGS": "error::UserWarning"},
    "hashes by another seed": {"PYTHONHASHSEED": "7"},
    "no bytecode": {"PYTHONDONTWRITEBYTECODE": "1"},
    "development mode": {"PYTHONDEVMODE": "1"},
    "no GPU by name": {"CUDA_VISIBLE_DEVICES": "GPU-no-such,,"},
    "an odd number of threads": {"OMP_NUM_THREADS": "many"},
    "a proxy that is away": {"http_proxy": "http://127.0.0.1:9", "no_proxy": None},
    "an MLflow address of their own": {"MLFLOW_TRACKING_URI": "http://127.0.0.1:9"},
    "an MLflow run of their own": {"MLFLOW_RUN_ID": "0" * 32, "MLFLOW_EXPERIMENT_NAME": "mine"},
    "a Ray address of their own": {"RAY_ADDRESS": "127.0.0.1:9"},
}


def tries() -> list[Try]:
    return [
        *[
            somewhere(f"a machine with {name}", env, begun=number % 2 == 1)
            for number, (name, env) in enumerate(ENVIRONMENTS.items())
        ],
        works(
            "a temporary folder with a long name",
            steps=(
                Step(command=f"mkdir -p {LONG} && TMPDIR={LONG} {RUN}"),
                Step(command=f"rm -r {LONG}"),
            ),
        ),
        *[
            works(
                f"at most {files} files open",
                steps=(Step(command=f"ulimit -n {files}; {RUN}", codes=(0, 2)),),
                resumed=False,
            )
            for files in (32, 64, 256)
        ],
        works(
            "at most 100 MB in a file",
            steps=(Step(command=f"ulimit -f 100000; {RUN}"),),
        ),
        works(
            "files for its owner only",
            steps=(Step(command=f"umask 777; {RUN}", codes=(0, 2)),),
            resumed=False,
        ),
        works(
            "a studies folder that can only be read",
            begun=True,
            steps=(
                Step(command="mount --bind studies studies && mount -o remount,bind,ro studies"),
                Step(command="search list && search show s && search show s --trial 0"),
                Step(command="search export s --output out.tar"),
                Step(command="search resume s --trials 6", codes=(1, 2)),
                Step(command="umount studies"),
            ),
        ),
        works(
            "a studies folder with no room",
            steps=(
                Step(command="mkdir studies && mount -t tmpfs -o size=40k none studies"),
                Step(command=RUN, codes=(1, 2)),
                Step(command="umount studies"),
            ),
            resumed=False,
        ),
        works(
            "a studies folder with room for a part",
            steps=(
                Step(command="mkdir studies && mount -t tmpfs -o size=400k none studies"),
                Step(command=RUN.replace("--trials 4", "--trials 40"), codes=(0, 1, 2)),
                Step(command="mount -o remount,size=40m studies"),
                Step(command="search resume s --trials 42 --quiet || " + RUN, codes=(0, 1)),
                Step(command="umount studies"),
            ),
            failed="any",
            reason=".",
            resumed=False,
        ),
        works(
            "a token that is cut short",
            begun=True,
            steps=(
                Step(command="search resume s --trials 5 --quiet"),
                Step(command="find ~ -name auth_token -exec truncate -s 3 {} +"),
                Step(command="search resume s --trials 6 --quiet"),
                Step(command="find ~ -name auth_token -exec truncate -s 0 {} +"),
            ),
        ),
        works(
            "a processor that is busy",
            steps=(
                Step(
                    command="busy() { timeout 30 sh -c 'while :; do :; done'; }; busy & busy & "
                    f"{RUN}; code=$?; kill %1 %2; exit $code"
                ),
            ),
        ),
    ]
