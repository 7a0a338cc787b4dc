"""Stand-ins for SLURM's programs in a folder of their own. They run the tasks of an array here, or hold them.

Of each job the folder `state` has its script, and for each task the number of its process and later its exit code. A
task that was requeued begins again.
"""

import os
import stat
import sys
from itertools import count
from pathlib import Path

import pytest

SBATCH = """
import os, re, subprocess, sys
text = open(sys.argv[1]).read()
options = dict(re.findall(r"^#SBATCH --([a-z-]+)=(.*)$", text, flags=re.M))
if options.get("partition", "cpu") != "cpu":
    print("sbatch: error: invalid partition specified:", options["partition"], file=sys.stderr)
    sys.exit("sbatch: error: Batch job submission failed: Invalid partition name specified")
job = str(FIRST + len([name for name in os.listdir(STATE) if name.endswith(".sh")]))
script = os.path.join(STATE, job + ".sh")
open(script, "w").write(text)
last = re.match(r"0-(\\d+)", options.get("array", ""))
for index in range(int(last[1]) + 1) if last else [None]:
    name = job if index is None else f"{job}_{index}"
    own = {"SLURM_JOB_ID": name, "SLURM_NTASKS": "1"}
    own |= {} if index is None else {"SLURM_ARRAY_JOB_ID": job, "SLURM_ARRAY_TASK_ID": str(index)}
    if HOLD:
        open(os.path.join(STATE, name + ".held"), "w")
        continue
    place = os.path.join(STATE, name)
    loop = f"while bash {script}; code=$?; [ -e {place}.again ]; do rm {place}.again; done; echo $code > {place}.code"
    process = subprocess.Popen(["bash", "-c", loop], env=os.environ | own, start_new_session=True,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    open(place + ".process", "w").write(str(process.pid))
print("Submitted batch job", job)
"""
SRUN = """
import os, sys
words, streams = sys.argv[1:], {}
while words[0].startswith("--"):
    option = words.pop(0)
    if option in ("--output", "--error"):
        streams[option] = words.pop(0)
job, _, index = os.environ["SLURM_JOB_ID"].partition("_")
for number, option in enumerate(("--output", "--error"), start=1):
    path = streams[option].replace("%j", job).replace("%A", job).replace("%a", index).replace("%t", "0")
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
os.execvp(words[0], words)
"""
SACCT = """
import os
print("JobID|State|NodeList")
for name in sorted(os.listdir(STATE)):
    place, kind = os.path.splitext(os.path.join(STATE, name))
    if kind == ".held":
        print(os.path.basename(place), "PENDING", "", sep="|")
    elif kind == ".process":
        code = open(place + ".code").read().strip() if os.path.exists(place + ".code") else None
        state = "RUNNING" if code is None else "COMPLETED" if code == "0" else "FAILED"
        print(os.path.basename(place), state, "node", sep="|")
"""
SCONTROL = """
import sys
assert sys.argv[1] == "requeue"
open(f"{STATE}/{sys.argv[2]}.again", "w")
"""
FIRST_JOBS = count(1000, 100)  # submitit remembers the states of jobs as long as the process lives
PROGRAMS = {"sbatch": SBATCH, "srun": SRUN, "sacct": SACCT, "scontrol": SCONTROL}


class FakeSlurm:
    """SLURM's programs on the PATH of a test. hold: True to leave every job pending."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, hold: bool) -> None:
        self.state, programs = folder / "state", folder / "programs"
        self.first = next(FIRST_JOBS)
        self.state.mkdir(parents=True)
        programs.mkdir()
        for name, text in PROGRAMS.items():
            path = programs / name
            path.write_text(
                f"#!{sys.executable} -S\nSTATE, HOLD, FIRST = {str(self.state)!r}, {hold}, {self.first}\n{text}"
            )
            path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    @property
    def scripts(self) -> list[str]:
        """The scripts that were submitted, in order."""
        return [path.read_text() for path in sorted(self.state.glob("*.sh"))]

    def processes(self) -> dict[str, int]:
        """The session of each task that was started, by its name."""
        return {path.stem: int(path.read_text()) for path in self.state.glob("*.process")}
