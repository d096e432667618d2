"""The vision craft: tell what is in a picture, where, and what the network saw.

A system is a file here: ``digits``, ``page``, ``house_numbers``, ``imagenet``, ``localize``,
``detect``, ``segment``, ``see``, ``dream``. What only one of them needs lies in ``handwriting/``,
``numbers/`` and ``looking/``.
"""
