"""What is typed is checked before Hydra reads it."""

import pytest

from hpsearch.cli import command_line
from hpsearch.cli.program import CONF
from hpsearch.errors import UsageError

BAD = [
    (
        "dropout=0.2",
        "dropout=0.2: dropout is a group, one of none, standard, strong; to set its option say dropout.p=0.2",
    ),
    ("-m dropout=none,0.2", "dropout=0.2: dropout is a group, one of none, standard, strong; "),
    ("schedule=null", "schedule=null: schedule is a group, one of constant, cosine, one_cycle"),
    ("optimizer=", "optimizer=: optimizer is a group, one of adam, adamw, rmsprop, sgd"),
    ("optimizer=[{a:1}]", "optimizer=[{'a': 1}]: optimizer is a group, one of adam, adamw, rmsprop, sgd"),
    ("hydra/launcher={a:1}", "hydra/launcher={'a': 1}: hydra/launcher is a group; must be the name of one"),
    ("experiment=null", "experiment=null: leave it out"),
    ("hydra/sweeper/pruner=null", "hydra/sweeper/pruner=null: hydra/sweeper/pruner is a group; must be the name of "),
    ("~data", "~data: every run needs data; choose another with data=…, one of arrays, digits, "),
    ("~lr", "~lr: every run needs lr; give it another value, lr=…"),
    ("~optimizer.name", "~optimizer.name: every run needs optimizer.name; give it another value, optimizer=…"),
    ("-m plan=true,false", "plan=true,false: must be one value, because it is the same for all runs of a sweep"),
    ("-m name=a,b", "name=a,b: must be one value"),
    ("-m device=cpu,cuda", "device=cpu,cuda: must be one value"),
    ("-m hydra.mode=RUN", "hydra.mode=RUN: -m is for a sweep; leave one of them out"),
    ("-m --cfg job", "--multirun --cfg: shows one configuration or starts one command"),
    ("--resolve", "--resolve: shows the values of a configuration; give --cfg job with it"),
    ("--package x", "--package=x: shows a part of a configuration; give --cfg job with it"),
    ("--experimental-rerun x", "--experimental-rerun=x: reads a pickle"),
    ("--info lr=1", "argument --info/-i: invalid choice: 'lr=1'"),
    ("--nope", "unrecognized arguments: --nope; --help and --hydra-help show what there is"),
    ("optimizer@a:b=sgd", "optimizer@a:b=sgd: missing EQUAL at ':'"),
    (f"lr={5000 * '1'}", "lr=1111111111111111111111111111111111111…: must be at most 4096 characters"),
]


@pytest.mark.parametrize(("typed", "line"), BAD, ids=[typed[:40] for typed, _ in BAD])
def test_a_line_says_the_key_and_the_cure(typed: str, line: str) -> None:
    with pytest.raises(UsageError) as caught:
        command_line.check(typed.split(), CONF)
    (fault,) = caught.value.faults
    assert fault.startswith(line)


@pytest.mark.parametrize(
    "typed",
    [
        "-m optimizer=sgd,adam lr=0.1,0.2 --config-dir x seed=1",
        "optimizer=[sgd] 'dropout={p:0.2}' ++optimizer.eps=1",
        "-m optimizer=glob(*) lr=range(1e9)",
        "~hydra/launcher --cfg job --resolve",
        "--info plugins",
        "--shell-completion query=bash",
    ],
)
def test_the_rest_is_hydras(typed: str) -> None:
    command_line.check(typed.replace("'", "").split(), CONF)
