import types

from phonoscope import evaluate


def test_public_names_are_listed_and_documented():
    assert evaluate.__all__ == sorted(evaluate.__all__)
    public = {
        name
        for name, value in vars(evaluate).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert public == set(evaluate.__all__)
    for name in evaluate.__all__:
        assert getattr(evaluate, name).__doc__, name
