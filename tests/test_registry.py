"""The records of the domains refer to things that exist, and the commands are made from them."""

import inspect
from pathlib import Path

import pytest

import bowerbird
from bowerbird.cli.flags import values_of
from bowerbird.domain import resolve
from bowerbird.registry import DEMO, DOMAINS, NOUNS, find_domain, find_verb

VERBS = [DEMO, *(verb for noun in NOUNS for verb in noun.verbs)]
PACKAGE = Path(bowerbird.__file__).parent


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.function)
def test_a_verb_is_a_function_with_its_configuration(verb):
    function = resolve(verb.function)
    assert verb.help == inspect.getdoc(function).splitlines()[0]
    assert verb.help.endswith(".")
    assert len(verb.help) <= 96
    if verb.config is None:
        assert verb.hidden == ()
    else:
        assert verb.config == type(verb.config)()
        assert set(verb.hidden) <= set(values_of(verb.config))


@pytest.mark.parametrize("domain", DOMAINS, ids=lambda domain: domain.name)
def test_a_domain_refers_to_what_exists(domain):
    assert callable(resolve(domain.demo))
    if domain.presets:
        assert resolve(domain.presets)
    for kind in domain.models:
        assert callable(resolve(kind.load))
        assert "{}" in kind.usage
        assert kind.tokenizer == "" or callable(resolve(kind.tokenizer))
        for _, file in kind.shipped:
            assert (PACKAGE / file).is_file()


def test_every_shipped_model_is_recorded():
    recorded = {f for domain in DOMAINS for kind in domain.models for _, f in kind.shipped}
    assert recorded == {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.safetensors")
    }


def test_verbs_and_domains_are_found_by_their_words():
    assert find_verb(["demo", "--json"]) is DEMO
    assert find_verb(["image", "transfer", "a.png"]).name == "transfer"
    assert find_verb(["image"]) is find_verb([]) is find_verb(["image", "nonsense"]) is None
    assert find_domain("text").name == "text"
    assert find_domain("models") is None
