"""Every fault of a configuration is one line, before anything trains."""

from pathlib import Path
from typing import Any

import pytest
from torch import Tensor, nn

from hpsearch.components.architecture.options import ARCHITECTURES, ModuleClass
from hpsearch.errors import UsageError
from hpsearch.task.model import lane_lines
from hpsearch.task.prepare import prepare, warn
from tests.cli import TINY
from tests.composing import OPTIONS, job_cfg
from tests.tables import penguins, written


def faults(*jobs: tuple[str, ...], folder: Path | None = None) -> list[str]:
    """The faults of jobs that are wrong."""
    with pytest.raises(UsageError) as caught:
        prepare([(job_cfg(*TINY, *overrides), []) for overrides in jobs], folder)
    return caught.value.faults


BAD = [
    ("lr=nan", "lr=nan: must be a number above 0"),
    ("lr=inf", "lr=inf: must be a number above 0"),
    ("lr=-1", "lr=-1.0: must be a number above 0"),
    ("lr=0", "lr=0.0: must be a number above 0"),
    ("dropout.p=1", "dropout.p=1: must be at least 0 and below 1"),
    ("dropout.p=-0.1", "dropout.p=-0.1: must be at least 0 and below 1"),
    ("dropout.p=x", "dropout.p=x: must be a number"),
    ("clip=inf", "clip=inf: must be a norm above 0, or null"),
    ("dropout.p=nan", "dropout.p=nan: must be at least 0 and below 1"),
    ("optimizer.momentum=-inf", "optimizer.momentum=-inf: must be at least 0 and below 1"),
    ("init=normal init.mean=inf", "init.mean=inf: must be a finite number"),
    ("epochs=0", "epochs=0: must be at least 1"),
    ("batch_size=0", "batch_size=0: must be at least 1"),
    ("batch_size=1438", "batch_size=1438: must be between 1 and the 1437 training samples"),
    ("architecture.widths=[]", "architecture.widths=[]: must be one hidden layer or more, of at least 1 unit each"),
    (
        "architecture.widths=[8,0]",
        "architecture.widths=[8, 0]: must be one hidden layer or more, of at least 1 unit each",
    ),
    ("architecture.widths=[a]", "architecture.widths=['a']: must be a list of whole numbers or null"),
    ("architecture.width=0", "architecture.width=0: must be at least 1 unit"),
    ("architecture.width=10000000", "architecture: 100,000,760,000,010 parameters and their gradients take 745,"),
    ("architecture.depth=1.5", "architecture.depth=1.5: must be a whole number"),
    ("architecture.activation=swish", "architecture.activation=swish: must be one of relu, leaky_relu,"),
    ("optimizer.name=lion", "optimizer.name=lion: must be one of sgd, rmsprop, adam, adamw"),
    ("optimizer.momentum=abc", "optimizer.momentum=abc: must be a number"),
    ("optimizer.nesterov=true", "optimizer.nesterov=true: needs a momentum above 0"),
    ("optimizer.nesterov=1", "optimizer.nesterov=1: must be true or false"),
    ("+init.std=1", "init.std=1: must be left out: default has no such option; it has none"),
    ("precision=float16", "precision=float16: must be one of float32, tf32, bfloat16"),
    ("device=gpu", "device=gpu: must be auto, cpu, cuda or cuda:N"),
    ("device=cuda:99", "device=cuda:99: must be another device: "),
    ("data.validation=0", "data.validation=0: must be between 10 and"),
    (
        "epochs=99999999999999999999999",
        "epochs=99999999999999999999999: must be a whole number from -9223372036854775807 ",
    ),
    ("epochs=1000001", "epochs=1000001: must be at least 1 and at most 1,000,000"),
    ("seed=99999999999999999999", "seed=99999999999999999999: must be a whole number from "),
    ("mc_dropout=99999999999", "mc_dropout=99999999999: must be at least 0 and at most 100,000"),
    ("architecture.depth=100000000", "architecture.depth=100000000: must be at least 1 hidden layer and at most 1000"),
    ("architecture.depth=inf", "architecture.depth=inf: must be a whole number"),
    ("architecture.width=64.0", "architecture.width=64.0: must be a whole number"),
    ("architecture.widths=[true,8]", "architecture.widths=[True, 8]: must be a list of whole numbers or null"),
    ("architecture.activation={a:1}", "architecture.activation={'a': 1}: must be a text"),
    ("init=kaiming_normal init.mode=null", "init.mode=null: must be one of fan_in, fan_out"),
    ("augmentation=shift_flip augmentation.shift=1e30", "augmentation.shift=1e+30: must be a whole number"),
    ("augmentation=shift_flip augmentation.shift=1001", "augmentation.shift=1001: must be at least 0 and at most 1000"),
    ("split=holdout split.test=inf", "split.test=inf: must be a number of rows, or a fraction below 1"),
    ("split=kfold split.folds=null", "split.folds=null: must be a whole number"),
    ("split=uci seed=1000000", "seed=1000000: must be at most 9999, because split=uci draws one split after the other"),
    ("data.split_seed=9999999999999", "data.split_seed=9999999999999: must be at least 0 and below 2**32"),
    ("lanes_together=1", "lanes_together=1: must be auto, true or false"),
    (
        "architecture.name=[1]",
        "architecture.name=[1]: must be the name of one of its parts; architecture=… chooses one",
    ),
    ("+typo=3", "typo=3: no run reads a key of this name"),
    ("+split.x=3", "split.x=3: must be left out: default has no such option"),
    ("~architecture.width", "architecture.width=: must be given, because mlp needs it"),
    ("data.root=/proc/no data=fashion_mnist", "data.root=/proc/no: cannot be written"),
]


MODULE_BAD = [
    ("architecture.blocks=0", "architecture.blocks=0: must be at least 1"),
    ("architecture.width=0", "architecture.width=0: must be at least 1 channel"),
    ("architecture.dropout=1", "architecture.dropout=1: must be at least 0 and below 1"),
    ("architecture.blocks=4", "architecture.blocks=4: must be fewer, because each halves the images of 8 × 8"),
    ("dropout=standard", "dropout.p=0.2: must be 0 for architecture=cnn: its layers do that by themselves"),
    ("dropout.inputs=true", "dropout.inputs=true: must be false for architecture=cnn"),
    ("normalization=batch", "normalization=batch: must be none for architecture=cnn"),
    ("lanes_together=maybe", "lanes_together=maybe: must be auto, true or false"),
]


@pytest.mark.parametrize(("override", "line"), MODULE_BAD, ids=[override for override, _ in MODULE_BAD])
def test_a_fault_of_a_module_is_one_line(override: str, line: str) -> None:
    (fault,) = faults(("architecture=cnn", *override.split()))
    assert fault.startswith(line)
    assert "\n" not in fault


CLASSIFIER_BAD = [
    ("architecture=svc seed=-1", "seed=-1: must be at least 0 and below 2**32 for SVC"),
    ("architecture=random_forest seed=4294967296", "seed=4294967296: must be at least 0 and below 2**32 for Random"),
    (
        "architecture=svc architecture.kernel=precomputed",
        "architecture.kernel=precomputed: must be a kernel of samples",
    ),
    ("architecture=k_neighbors architecture.n_neighbors=1438", "architecture.n_neighbors=1438: must be at most 1437"),
    (
        "architecture=sklearn_mlp architecture.hidden_layer_sizes=[0]",
        "architecture.hidden_layer_sizes=[0]: must be layers",
    ),
    (
        "architecture=sklearn_mlp architecture.hidden_layer_sizes=[8.5]",
        "architecture.hidden_layer_sizes=[8.5]: must be ",
    ),
    (
        "architecture=random_forest architecture.n_estimators=9999999",
        "architecture.n_estimators=9999999: must be at most",
    ),
    ("architecture=gradient_boosting architecture.max_leaf_nodes=1", "architecture: The 'max_leaf_nodes' parameter"),
    ("architecture=svc architecture.C=inf", "architecture.C=inf: must be a finite number"),
]


@pytest.mark.parametrize(("overrides", "line"), CLASSIFIER_BAD, ids=[override for override, _ in CLASSIFIER_BAD])
def test_a_fault_of_a_classifier_is_found_before_it_is_fitted(overrides: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        prepare([(job_cfg("data=digits", *overrides.split()), [])])
    (fault,) = caught.value.faults
    assert fault.startswith(line)


def test_a_key_that_no_run_reads_is_a_fault_of_the_whole_command() -> None:
    svc, mlp = (["data=digits", f"architecture={name}", "lr=0.5"] for name in ("svc", "mlp"))
    jobs = [(job_cfg(*lines, "batch_size=256"), lines) for lines in (svc, mlp)]
    assert len(prepare(jobs, complete=True)) == 2
    assert len(prepare(jobs[:1])) == 1
    with pytest.raises(UsageError) as caught:
        prepare(jobs[:1], complete=True)
    assert caught.value.faults == ["lr=0.5: architecture=svc does not read it, because it is no net; leave it out"]


def test_a_classifier_without_probabilities_has_no_metric_of_them() -> None:
    with pytest.raises(UsageError) as caught:
        prepare([(job_cfg("data=digits", "architecture=svc", "metric=log_loss"), [])])
    assert caught.value.faults == ["metric=log_loss: must be one of class labels: svc has no probabilities"]


def test_lanes_of_the_built_in_net_always_go_together() -> None:
    assert faults(("lanes_together=false",)) == [
        "lanes_together=false: must be auto or true for mlp, whose lanes go together"
    ]


class Mine(nn.Module):
    """A user's module, chosen by the name ``mine`` with the options of ``architecture=mlp``."""

    def __init__(self, inputs: tuple[int, ...], outputs: int, width: int, **others: Any) -> None:
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(64, width), nn.BatchNorm1d(width), nn.Linear(width, outputs + len(inputs) - 3)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


@pytest.fixture
def mine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHITECTURES, "mine", ModuleClass(Mine))


@pytest.mark.usefixtures("mine")
def test_a_class_of_modules_becomes_a_run() -> None:
    (run,) = prepare([(job_cfg(*TINY, "architecture.name=mine"), [])])
    assert run.stack.model.together
    assert run.stack.model.parameters == 64 * 8 + 8 + 8 + 8 + 8 * 10 + 10
    assert lane_lines([run.stack.model] * 2) == ["Mine: all lanes of a stack together, by torch.func.vmap"]
    (run,) = prepare([(job_cfg(*TINY, "architecture.name=mine", "lanes_together=false"), [])])
    assert lane_lines([run.stack.model]) == ["Mine: one lane after the other, as asked for"]
    (run,) = prepare([(job_cfg(*TINY, "architecture=cnn"), [])])
    assert lane_lines([run.stack.model]) == [
        "CNN: one lane after the other, because of conv2d, max_pool2d, batch_norm of more than 2 axes"
    ]


@pytest.mark.usefixtures("mine")
def test_a_batch_of_one_sample_is_a_fault_of_a_module_that_needs_two() -> None:
    (fault,) = faults(("architecture.name=mine", "batch_size=359"))
    assert fault.startswith("architecture: Mine: a batch of one sample is left, for which its forward raises")


@pytest.mark.parametrize(("override", "line"), BAD, ids=[override for override, _ in BAD])
def test_a_fault_is_one_line(override: str, line: str) -> None:
    (fault,) = faults(tuple(override.split()))
    assert fault.startswith(line)
    assert "\n" not in fault


def test_every_fault_of_all_jobs_is_listed_at_once() -> None:
    jobs = [(f"lr={lr}", f"batch_size={size}", "seed=1") for lr in ("0.1", "-1", "nan") for size in (0, 64)]
    assert faults(*jobs) == [
        "batch_size=0: must be at least 1",
        "lr=-1.0: must be a number above 0",
        "lr=nan: must be a number above 0",
    ]


def test_a_folder_that_cannot_be_written_is_a_fault_beside_the_others() -> None:
    first, second = faults(("lr=-1",), folder=Path("/dev/null/no"))
    assert first.startswith("lr=-1.0: must be")
    assert second.startswith("/dev/null/no: cannot be written")


def test_runs_keep_their_overrides_and_share_the_data() -> None:
    runs = prepare([(job_cfg(*TINY, f"seed={seed}"), [f"seed={seed}"]) for seed in (3, 4)])
    assert [run.overrides for run in runs] == [["seed=3"], ["seed=4"]]
    assert [run.lane.seed for run in runs] == [3, 4]
    assert runs[0].stack is runs[1].stack


TABLE = [
    ("", "data.path=null: must be a CSV or Parquet file"),
    ("data.path=no.csv", "data.path=no.csv: must be a file that exists"),
    ("data.path={path} data.target=speces", "data.target=speces: must be a column of the table; did you mean species?"),
    ("data.path={path} data.target=sex", "data.target=sex: missing in 12 of 120 rows; data.drop_missing_target=true"),
    ("data.path={path} data.task=rank", "data.task=rank: must be one of auto, classification, regression"),
    ("data.path={path} split=holdout split.test=120", "split.test=120: must be between 1 and 119 rows"),
    ("data.path={path} split=kfold split.folds=1", "split.folds=1: must be at least 2"),
    ("data.path={path} split=kfold split.group=x", "split.group=x: must be a column of a table; there is none"),
    ("data.path={path} split=given", "split=given: needs split.column=… or split.files=…, one of them"),
    ("data.path={path} split=seeded seed=-1", "seed=-1: must be at least 0, because it draws the split"),
    (
        "data.path={path} preprocessing=quantile preprocessing.output=flat",
        "preprocessing.output=flat: must be ",
    ),
    ("data.path={path} preprocessing.name=minmax", "preprocessing.name=minmax: must be one of default, standard,"),
    ("data.path={path} batch_size=77", "batch_size=77: must be between 1 and the 76 training samples"),
]


@pytest.mark.parametrize(("overrides", "line"), TABLE, ids=[overrides for overrides, _ in TABLE])
def test_a_fault_of_a_table_is_one_line(overrides: str, line: str, tmp_path: Path) -> None:
    path = written(tmp_path, penguins())
    (fault,) = faults(("data=table", "batch_size=16", *overrides.format(path=path).split()))
    assert fault.startswith(line)


def test_folds_and_preprocessings_of_equal_sizes_share_a_stack(tmp_path: Path) -> None:
    table = ("data=table", f"data.path={written(tmp_path, penguins(150))}", "data.drop=[nest]", "batch_size=16")
    jobs = [
        ("split=kfold", f"seed={seed}", f"preprocessing={name}") for seed in range(5) for name in ("robust", "none")
    ]
    runs = prepare([(job_cfg(*TINY, *table, *job), []) for job in jobs])
    assert len({run.stack_key for run in runs}) == 1
    assert len({id(run.lane.data or run.stack.data) for run in runs}) == 10
    again = prepare([(job_cfg(*TINY, *table, *jobs[0], "optimizer=adam"), [])])
    assert again[0].stack.data is runs[0].stack.data


def test_a_suspicious_column_is_warned_of_once_for_each_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path, penguins().assign(row=range(120)))
    job = job_cfg(*TINY, "data=table", f"data.path={path}", "data.target=species", "batch_size=16")
    warn.cache_clear()
    for _ in range(2):
        prepare([(job, []), (job, [])])
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        "warning: data: the column row is different in every row, as an identifier; data.drop=[row] leaves it out"
    ]


@pytest.mark.parametrize(
    ("group", "option"),
    [(group, option) for group, option in OPTIONS if group != "data" and (group, option) != ("split", "given")],
)
def test_every_option_of_conf_makes_a_run_as_it_is(group: str, option: str) -> None:
    (run,) = prepare([(job_cfg("data=digits", f"{group}={option}"), [])])
    assert run.config.get(group, {"name": option})["name"] in (option, "none")  # a dropout has any name
