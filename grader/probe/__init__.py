"""The probe: small code beside the student's, inside the sandbox; it observes, and answers when the host asks.

This folder is copied into the sandbox as the top-level package ``grader_probe``. It imports nothing of ``grader``.
What it writes are
claims: the host validates them and never trusts them. Entry points, called by the host through the kernel:
:func:`call_train`,
:func:`collect` and :func:`predict`. None of them raises: what fails becomes a note or a reason in what they write.
"""

from typing import Any

SETTINGS: dict[str, Any] = {}


def start(settings: dict[str, Any]) -> None:
    """Seed the generators, install the data shims and the recorder. ``settings``: the host's ``settings.json``."""
    from . import (
        absent,
        adam,
        channels,
        convolutions,
        direct,
        elsewhere,
        memory,
        recorder,
        screens,
        seeding,
        shims,
        stand_ins,
    )

    SETTINGS.update(settings)
    seeding.seed(int(settings.get("seed", 0)), int(settings.get("threads", 1)))
    shims.install(settings)
    recorder.install(settings)
    direct.install()
    adam.install()
    convolutions.install()
    channels.install()
    sparing = settings.get("sparing") or {}
    memory.install(int(sparing.get("remember_bytes") or 0))
    stand_ins.install(dict(sparing.get("stand_ins") or {}))
    absent.install(dict(sparing.get("absent") or {}))
    elsewhere.install()
    screens.install()


def call_train() -> None:
    """Call the submission's ``train()`` if it defines one that needs no argument, and keep the model it returns.

    An exception of ``train()`` itself is let through: it belongs to the student's code, and the kernel reports it.
    """
    from . import namespace, recorder

    train = namespace.function("train", required=0)
    if train is not None:
        recorder.STATE.returned_model = train()


def collect() -> None:
    """Write ``evidence.json`` and its arrays: all that was seen of the student's training."""
    from . import claims

    claims.write(SETTINGS, complete=True)


def predict() -> None:
    """Show the held-out world to what the student built, by every way that applies; write ``heldout.json``."""
    from . import heldout

    heldout.write(SETTINGS)
