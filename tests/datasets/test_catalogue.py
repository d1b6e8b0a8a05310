import pytest

from ntkbench import datasets
from ntkbench.errors import InputError

QUESTIONS = [datasets.get, datasets.load, datasets.fetch, datasets.path, datasets.is_cached]


def test_names_are_sorted_and_each_is_known_by_it():
    assert datasets.names() == sorted(datasets.names())
    assert {"cifar10", "digits"} <= set(datasets.names())
    for name in datasets.names():
        assert datasets.get(name).name == name


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(("name", "near"), [("cifar1", "cifar10"), ("digit", "digits")])
def test_an_unknown_name_suggests_the_nearest(question, name, near):
    with pytest.raises(InputError) as caught:
        question(name)
    assert str(caught.value) == f"unknown dataset {name!r}; did you mean {near!r}?"


@pytest.mark.parametrize("name", ["", "zzz"])
def test_a_name_like_no_other_gets_all_names(name):
    with pytest.raises(InputError) as caught:
        datasets.get(name)
    assert str(caught.value) == f"unknown dataset {name!r}; choose from: {', '.join(datasets.names())}"


def test_every_data_set_states_its_licence_and_sources_and_whether_it_needs_a_network():
    for name in datasets.names():
        about = datasets.get(name)
        assert about.licence
        assert about.sources
        assert about.needs_network != (name in ("bundled-tables", "digits"))
