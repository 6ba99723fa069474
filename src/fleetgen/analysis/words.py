"""English verb forms, as far as names of events and commands need them: endings, and lists of the irregular ones."""

from __future__ import annotations

from fleetgen.core.names import words

_IRREGULAR = """
    arisen awoken become begun bent bet bid bitten blown born bought bound bred broken brought built burst cast caught
    chosen come cut dealt done drawn driven drunk eaten fallen fed felt fled flown forbidden forecast forgiven forgotten
    fought found frozen given gone got gotten ground grown held hidden hit hung hurt kept known laid lain led left lent
    let lit lost made meant met mistaken overcome overdrawn overridden overrun overtaken overthrown paid proven put quit
    read rebuilt repaid reset resold resent rerun retaken rewritten ridden risen run rung said sat seen sent set shaken
    shed shown shrunk shut sold sought spent spilt split spoken spread spun stolen stood struck stuck sung sunk swept
    sworn swum swung taken taught thought thrown told torn undergone understood undertaken undone unpaid unsent unsold
    upheld upset withdrawn withheld won worn woken woven written
"""
_SIMPLE_PAST = """
    ate became began broke came chose did drew drove fell flew forgot froze gave got grew had knew ran rang rose sank
    saw shook spoke stole swam threw took undertook undid went withdrew woke wore wrote
"""
# The same in both forms: at the head of a command it is the imperative.
_ALSO_IMPERATIVE = """
    become bet bid bind bound burst cast come cut forecast found ground hit hurt let lit overcome overrun put quit read
    rerun reset run set shed shut split spread upset
"""
_ED_BUT_NO_PARTICIPLE = frozenset({"embed", "hundred", "kindred", "naked", "rugged", "sacred", "wicked"})
_EED_AND_PARTICIPLE = frozenset({"agreed", "decreed", "disagreed", "freed", "guaranteed", "refereed"})
_VOWELS = frozenset("aeiouy")

_participles = frozenset(_IRREGULAR.split())
_past = frozenset(_SIMPLE_PAST.split())
_imperatives = frozenset(_ALSO_IMPERATIVE.split())


def is_participle(word: str) -> bool:
    """`placed`, `sent`; neither `bed` nor `speed`."""
    if word in _participles:
        return True
    if word.endswith("eed"):
        return word in _EED_AND_PARTICIPLE
    return _has_ending(word, "ed") and word not in _ED_BUT_NO_PARTICIPLE


def is_gerund(word: str) -> bool:
    """`placing`; neither `ring` nor `bring`."""
    return _has_ending(word, "ing")


def names_what_happened(event: str) -> bool:
    """A word of the name is a verb in the past: `OrderPlaced`, `OrderPlacedByPhone`, `StockRanOut`."""
    return any(is_participle(word) or word in _past for word in words(event))


def names_what_to_do(command: str) -> bool:
    """The name begins with neither a past participle nor a gerund. That it begins with a verb cannot be known."""
    first = next(iter(words(command)), "")
    return not (is_gerund(first) or (is_participle(first) and first not in _imperatives))


def _has_ending(word: str, ending: str) -> bool:
    """The ending stands behind a stem, and a stem has a vowel."""
    return word.endswith(ending) and bool(_VOWELS & set(word.removesuffix(ending)))
