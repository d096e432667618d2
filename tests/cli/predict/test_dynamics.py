"""``bowerbird predict dynamics`` and ``predict expressions``, as a user runs them."""

import json

from PIL import Image


def facts_of(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


def test_dynamics(bowerbird, here):
    words = (
        "predict dynamics pendulum --trajectories 6 --duration 10 --test-trajectories 4 "
        "--free-run 5 --hidden-size 60"
    )
    facts = facts_of(bowerbird(f"{words} -o p.png --json --quiet"))
    assert facts["valid_time_median"] > 0.5
    with Image.open("p.png") as picture:
        assert picture.width > 1000
    assert "valid for" in bowerbird(f"{words} --quiet").out


def test_dynamics_refuses(refuses):
    refuses("predict dynamics pendulum --duration 5 --washout 200", "--washout")
    refuses("predict dynamics weather", "weather")
    refuses("predict dynamics lorenz --device cuda", "--device")


def test_expressions(bowerbird, here):
    flags = (
        "--minutes 0.02 --hidden-size 16 --embedding-dim 8 --test-size 20 --train-depth 1 "
        "--test-depth 2 --quiet"
    )
    done = bowerbird(f'predict expressions "[MAX 2 [MIN 4 7] 0]" {flags} -o e.png --json')
    facts = facts_of(done)
    assert facts["answers"][0]["value"] == 4
    assert {result["model"] for result in facts["models"]} == {"tree", "sequence"}
    with Image.open("e.png") as picture:
        assert picture.width > 1000


def test_invalid_expressions_are_refused(refuses):
    refuses('predict expressions "[MAX 1 2 3 4 5 6 7]" --tree-cell n-ary', "child-sum")
    refuses('predict expressions "[AVG 1 2]"', "MAX, MIN, MED, SM")
