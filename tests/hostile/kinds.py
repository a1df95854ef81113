"""Names the kinds of attack that the class tries, by the numbers that each attack gives."""

SECTIONS: dict[str, dict[int, str]] = {
    "Forging marks": {
        1: "writing the files that hold results",
        2: "putting something in their place",
        3: "putting links in their place",
        4: "handing back a pickle",
        5: "a checkpoint that runs code when it is read",
        6: "replacing what shows results",
        7: "objects that are equal to everything",
        8: "hiding exceptions",
        9: "patching torch and what writes files",
        10: "ending the process early",
        11: "rewriting the observer's objects",
        12: "threads and children that go on writing",
        13: "forged messages",
        14: "numbers and documents that are none",
        15: "clocks that lie",
    },
    "Reading what is not theirs": {
        16: "files and processes of the host",
        17: "secrets in the environment",
        18: "other students",
        19: "held-out data by way of the own feedback",
    },
    "Shadowing and start-up": {
        20: "files that Python, IPython or pytest would load",
        21: "another kernel, magics and installers",
        22: "files that are run on installation",
    },
    "Resources": {
        23: "processes without bound",
        24: "memory without bound",
        25: "output without bound",
        26: "files without bound",
        27: "ignoring to be stopped",
        28: "outliving the run",
        29: "threads and workers without bound",
        30: "sleeping past the limits",
        31: "crashes",
        32: "waiting for a person",
    },
    "Network": {
        33: "connections to this machine and to others",
        34: "services of the host",
    },
    "What comes in": {
        35: "archives",
        36: "names of files and folders",
        37: "broken notebooks",
    },
    "What goes out": {
        38: "scripts and control sequences in reports",
        39: "formulas in tables",
        40: "commands to continuous integration",
    },
    "Tricks with learning": {
        41: "knowing the data",
        42: "recognising that marks are given",
        43: "losses that are made up",
        44: "weights that were not trained",
        45: "predictions that depend on each other",
        46: "constant answers",
        47: "one lucky seed",
        48: "nets of odd size",
        49: "slow nets",
        50: "predict functions that misbehave",
    },
}
ELSEWHERE = {35: "tests/intake/test_archive.py and tests/fuzz/test_archive_fuzz.py"}
"""Kinds that no student's folder can try, and what tests them."""
ALL = {number for kinds in SECTIONS.values() for number in kinds}
