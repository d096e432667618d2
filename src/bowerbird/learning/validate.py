"""Validate settings that are one of several words."""


def check_choice(value: object, choices: tuple[object, ...]) -> None:
    """Raise ValueError, listing the choices, if a value is not one of them."""
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(map(str, choices))}")
