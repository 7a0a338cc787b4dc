"""Every fault in the settings of a search is one line, before a trial begins."""

import pytest

from hpsearch.errors import UsageError
from hpsearch.search.storage import Storage
from tests.searching import read_settings

BAD = [
    (["lr=0.1"], "hydra.sweeper.params: no parameter to search"),
    (["lr=interval(1,0.1)"], "lr=interval(1,0.1): must have its lower end first"),
    (["lr=tag(log,interval(0,1))"], "lr=tag(log,interval(0,1)): must be above 0 for a log scale"),
    (["lr=0.1,0.2", "seed=range(3)"], "seed: cannot be searched"),
    (["lr=0.1,0.2", "seed=1", "hydra.sweeper.seeds=[0,1]"], "seed=1: hydra.sweeper.seeds=[0, 1] says on which"),
    (["lr=0.1,0.2", "split=kfold", "hydra.sweeper.seeds=[0,1]"], "seed=0,1: must cover all 5 folds of split=kfold"),
    (["lr=0.1,0.2", "hydra.sweeper.seeds=[0,0]"], "hydra.sweeper.seeds=[0, 0]: must be different whole numbers"),
    (["lr=0.1,0.2", "hydra.sweeper.seeds=[0.5]"], "hydra.sweeper.seeds=[0.5]: must be different whole numbers"),
    (["lr=0.1,0.2", "hydra.sweeper.seeds=[0,1.0]"], "hydra.sweeper.seeds=[0, 1.0]: must be different whole numbers"),
    (["lr=0.1,0.2", "hydra/sweeper/pruner=threshold"], "hydra/sweeper/pruner: ThresholdPruner refuses its settings: "),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.min_resource=0"],
        "hydra/sweeper/pruner: HyperbandPruner refuses its settings: ",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=synchronous_halving", "hydra.sweeper.pruner.reduction_factor=1"],
        "hydra.sweeper.pruner.reduction_factor=1: must be at least 2",
    ),
    (
        ["lr=0.1,0.2", "hydra.sweeper.pruner.cohort=27", "hydra/sweeper/pruner=one_epoch", "hydra.sweeper.seeds=[0,1]"],
        "hydra.sweeper.pruner.cohort=27: on 2 seeds a cohort takes 54 lanes; raise hydra.launcher.lanes=48",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=one_epoch", "hydra.sweeper.seeds=[0,1,2]"],
        "hydra.launcher.lanes=4: must be at least 6, for 2 trials that OneEpochPruner compares on 3 seeds",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.min_resource=5"],
        "hydra.sweeper.pruner.min_resource=5: must be at most 2, the epochs",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=hyperband", "hydra.sweeper.pruner.reduction_factor=1"],
        "hydra.sweeper.pruner.reduction_factor=1: must be at least 2",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=median", "hydra.sweeper.pruner.n_startup_trials=abc"],
        "hydra.sweeper.pruner.n_startup_trials=abc: must be a whole number",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/pruner=patient", "hydra.sweeper.pruner.wrapped_pruner=foo"],
        "hydra.sweeper.pruner.wrapped_pruner=foo: must be a pruner itself",
    ),
    (
        ["lr=0.1,0.2", "hydra/sweeper/sampler=cmaes", "hydra.sweeper.objective=[val_accuracy,seconds]"],
        "hydra/sweeper/sampler: CmaEsSampler: ValueError: ",
    ),
    (
        ["lr=interval(0.1,0.2)", "hydra/sweeper/sampler=cmaes", "hydra.sweeper.sampler.popsize=1"],
        "hydra/sweeper/sampler: CmaEsSampler: AssertionError: ",
    ),
    (
        ["lr=interval(0.1,0.2)", "hydra/sweeper/sampler=tpe", "hydra.sweeper.sampler.n_ei_candidates=0"],
        "hydra/sweeper/sampler: TPESampler: ValueError: ",
    ),
    (["lr=0.1,0.2", "hydra/sweeper/pruner=wilcoxon"], "hydra/sweeper/pruner=wilcoxon: compares seeds and has 1"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.objective=[val_accuracy,seconds]", "hydra/sweeper/pruner=median"],
        "hydra/sweeper/pruner: MedianPruner cannot judge 2 objectives",
    ),
    (["lr=0.1,0.2", "hydra.sweeper.objective=speed"], "hydra.sweeper.objective=['speed']: must be one or several of"),
    (["lr=0.1,0.2", "hydra.sweeper.direction=up"], "hydra.sweeper.direction=up: must be minimize or maximize"),
    (["lr=0.1,0.2", "hydra/sweeper/sampler=grid"], "hydra/sweeper/sampler=grid: a grid needs no sampler"),
    (["lr=0.1,0.2", "hydra/sweeper/sampler=auto"], "hydra/sweeper/sampler: auto_sampler: needs a package"),
    (["lr=0.1,0.2", "hydra.sweeper.enqueue=[{lr: 0.7}]"], "hydra.sweeper.enqueue: lr=0.7: must be 0.1, 0.2"),
    (["lr=0.1,0.2", "hydra.sweeper.enqueue=[{lr: nan}]"], "hydra.sweeper.enqueue: lr=nan: must be 0.1, 0.2"),
    (["lr=interval(0.1,0.2)", "hydra.sweeper.enqueue=[{lr: nan}]"], "hydra.sweeper.enqueue: lr=nan: must be 0.1 to"),
    (["lr=0.1,0.2", "hydra.sweeper.enqueue=[3]"], "hydra.sweeper.enqueue: 3: must be a point, as {lr: 0.1}"),
    (["lr=0.1,0.2", "hydra.sweeper.n_trials=0"], "hydra.sweeper.n_trials=0: must be at least 1"),
    (["lr=0.1,0.2", "hydra.sweeper.n_jobs=0"], "hydra.sweeper.n_jobs=0: must be at least 1"),
    (["lr=0.1,0.2", "hydra.sweeper.timeout=0"], "hydra.sweeper.timeout=0.0: must be seconds above 0"),
    (["lr=0.1,0.2", "hydra.sweeper.retry_failed=-1"], "hydra.sweeper.retry_failed=-1: must be at least 0"),
    (["lr=0.1,0.2", "hydra.sweeper.max_failure_rate=2"], "hydra.sweeper.max_failure_rate=2.0: must be between 0 and 1"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.custom_search_space=nowhere.f"],
        "hydra.sweeper.custom_search_space=nowhere.f: must be module.function",
    ),
    (["lr=0.1,0.2", "hydra.sweeper.custom_search_space=os.name"], "hydra.sweeper.custom_search_space=os.name: must be"),
    (
        ["lr=0.1,0.2", "hydra.sweeper.custom_search_space=os.getcwd"],
        "hydra.sweeper.custom_search_space=os.getcwd: TypeError: ",
    ),
]


@pytest.mark.parametrize(("arguments", "line"), BAD, ids=[line[:50] for _, line in BAD])
def test_a_fault_is_one_line(arguments: list[str], line: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(*arguments, lanes=4 if line.startswith("hydra.launcher.lanes=4") else 48)
    (fault,) = caught.value.faults
    assert fault.startswith(line)
    assert "\n" not in fault


@pytest.mark.parametrize(
    ("url", "line"),
    [
        ("5", "hydra.sweeper.storage=***: cannot be used"),
        ("foo", "hydra.sweeper.storage=***: cannot be used"),
        ("sqlite:////dev/null/x.db", "hydra.sweeper.storage=sqlite:////dev/null"),
        (
            "postgresql+psycopg://u:secret@127.0.0.1:1/x",
            "hydra.sweeper.storage=postgresql+psycopg://u:***@127.0.0.1:1/x: cannot be used",
        ),
    ],
)
def test_a_storage_that_cannot_be_used_is_one_line_without_its_password(url: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        Storage(url)
    (fault,) = caught.value.faults
    assert fault.startswith(line)
    assert "\n" not in fault
    assert "secret" not in fault


def test_the_seeds_of_a_search_are_those_of_its_command() -> None:
    for arguments, seeds in (([], [0]), (["seed=3"], [3]), (["hydra.sweeper.seeds=[2,5]"], [2, 5])):
        assert read_settings("lr=0.1,0.2", *arguments)[1].seeds == seeds


def test_a_search_counts_all_folds_of_a_configuration_as_one_trial() -> None:
    _, found = read_settings("lr=0.1,0.2", "split=kfold", "split.folds=3", "hydra.sweeper.seeds=null")
    assert found.seeds == [0, 1, 2]
    _, found = read_settings("lr=0.1,0.2", "split=kfold", "hydra.sweeper.seeds=[5,6,7,8,9]")
    assert found.seeds == [5, 6, 7, 8, 9]
