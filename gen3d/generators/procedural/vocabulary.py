"""What the words of a prompt ask of a grammar: values of the traits that it records.

A prompt asks for everything it says. Its words and phrases are looked up in a category's vocabulary, the longest first;
`without X`, `no X` and `X-less` ask for the opposite; `X or Y` asks for either.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from gen3d.categories import Category
from gen3d.errors import SettingsError

ABSENT = ""  # stands for a trait that a shape does not have
PRESENT = "*"  # stands for any value of a trait that it has

# A word's wish: for every trait named, the values that satisfy it. `{"arm": (ABSENT,)}` asks for no arms; an empty one
# says nothing new, as another name of the category does.
Wish: TypeAlias = Mapping[str, tuple[str, ...]]

# Words and short phrases (lower case, singular or plural as people write them) of one category.
Vocabulary: TypeAlias = Mapping[str, Wish]

Phrase: TypeAlias = tuple[str, ...]  # words in their plain form, see `plain_words`

_FILLERS = frozenset(
    (
        *("a", "an", "the", "this", "some", "any", "its", "it", "their", "that", "which", "is", "are", "has", "have"),
        *("having", "made", "with", "and", "plus", "but", "of", "on", "in", "at", "by", "to", "for", "from", "as"),
        *("kind", "style", "type", "shaped", ","),
    )
)
_NEGATORS = frozenset(("without", "no", "not", "non", "lacking"))
_EITHER = ("or", "nor")
_IRREGULAR = {
    "feet": "foot", "leaves": "leaf", "shelves": "shelf", "halves": "half", "knives": "knife", "scarves": "scarf",
}  # fmt: skip
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_MOST = 5  # unknown words that a message names


class Demand(NamedTuple):
    """What one phrase of a prompt asks for.

    Args:
        phrase: as the prompt has it, such as "arm rests" or "round or oval".
        wishes: alternatives.
        wanted: False asks for a shape that satisfies none of them.
    """

    phrase: str
    wishes: tuple[Wish, ...]
    wanted: bool = True

    def __str__(self) -> str:
        return f"'{self.phrase}'" if self.wanted else f"no '{self.phrase}'"

    @property
    def hopeless(self) -> bool:
        """Whether it asks for a shape without what all have."""
        return not self.wanted and not all(self.wishes)

    def met(self, traits: Mapping[str, str]) -> bool:
        """Whether a shape of these traits is what is asked for."""
        return self.wanted == any(_satisfied(wish, traits) for wish in self.wishes)

    def contradicts(self, other: Demand) -> bool:
        """Whether no traits at all can meet both; two that are both negated are taken to agree."""
        if self.wanted and other.wanted:
            return all(_disjoint(a, b) for a in self.wishes for b in other.wishes)
        if self.wanted == other.wanted:
            return False
        yes, no = (self, other) if self.wanted else (other, self)
        return all(any(_implies(a, b) for b in no.wishes) for a in yes.wishes)


def read_prompt(prompt: str, row: Category, words: Vocabulary) -> tuple[Demand, ...]:
    """What a prompt asks for; nothing where it only names the category.

    Args:
        prompt: free text in English.
        row: the category; its name and its parts' names are known and say nothing new, unless `words` has them.
        words: the category's vocabulary.

    Raises:
        SettingsError: naming words that are not known, with the nearest ones that are; or what the grammar of
            `without` and `or` does not allow.
    """
    tokens = _tokens(prompt)
    if not any(token.plain != "," for token in tokens):
        raise SettingsError(f"prompt {prompt!r}: has no word in it; leave --prompt out to get any {row.name}")
    try:
        return tuple(_demands(_phrases(tokens, _lexicon(row, words))))
    except _UnknownError as error:
        raise SettingsError(_unknown_words(prompt, error.words, row, words)) from None
    except ValueError as error:
        raise SettingsError(f"prompt {prompt!r}: {error}") from None


def plain_words(text: str) -> list[str]:
    """Lower-case words, singular, numbers spelled out; hyphens separate words, punctuation becomes ","."""
    return [token.plain for token in _tokens(text)]


class _Token(NamedTuple):
    plain: str
    written: str


def _tokens(text: str) -> list[_Token]:
    """The words of a text in both forms."""
    text = text.casefold().replace("-less", "less").replace("&", " and ").replace("+", " and ")
    text = re.sub(r"['’´`]", "", text)
    return [_Token(_plain(word), word) for word in re.findall(r"[^\W_]+|[,;.:!?()\n]", text)]


def _plain(word: str) -> str:
    """One word's plain form: the same for singular and plural."""
    if not word[0].isalnum():
        return ","
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.isdecimal() and int(word) < len(_NUMBERS):
        return _NUMBERS[int(word)]
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("ches", "shes", "xes", "sses")):
        return word[:-2]
    plural = len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is", "less"))
    return word[:-1] if plural else word


# --- looking up ---------------------------------------------------------------------------------------------------


class _UnknownError(ValueError):
    """Words that are neither in the vocabulary nor grammar."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.words = words


def known_phrases(row: Category, words: Vocabulary) -> dict[str, Wish]:
    """The vocabulary, and what may be said of any shape of the category: its name, its parts and their synonyms."""
    asking = {tuple(plain_words(phrase)) for phrase in words}
    names = [row.name, *row.parts, *(synonym for synonyms in row.synonyms for synonym in synonyms)]
    return {name: {} for name in names if tuple(plain_words(name)) not in asking} | dict(words)


def _lexicon(row: Category, words: Vocabulary) -> dict[Phrase, Wish]:
    """The wish of every phrase, by its words as written and in their plain form; the former win where two collide."""
    known = [(_tokens(phrase), wish) for phrase, wish in known_phrases(row, words).items()]
    written = {tuple(token.written for token in phrase): wish for phrase, wish in known}
    return {tuple(token.plain for token in phrase): wish for phrase, wish in known} | written


def _look_up(phrase: list[_Token], known: Mapping[Phrase, Wish]) -> Wish | None:
    """The wish of a phrase, in either form; None where it is not known."""
    written, plain = (tuple(token[form] for token in phrase) for form in (1, 0))
    return known.get(written, known.get(plain))


def _phrases(tokens: list[_Token], known: Mapping[Phrase, Wish]) -> list[tuple[str, Wish | None]]:
    """(text, wish) of every phrase, longest first; no wish where it is but grammar. Raises _UnknownError."""
    found: list[tuple[str, Wish | None]] = []
    unknown, at, longest = [], 0, max(map(len, known))
    while at < len(tokens):
        spans = (tokens[at : at + n] for n in range(min(longest, len(tokens) - at), 0, -1))
        phrase = next((span for span in spans if _look_up(span, known) is not None), None)
        word, written = tokens[at]
        stem = _plain(word.removesuffix("less") or word)
        if phrase is not None:
            found.append((" ".join(token.written for token in phrase), _look_up(phrase, known)))
        elif word in _FILLERS | _NEGATORS or word in _EITHER:
            found.append((word, None))
        elif word.endswith("less") and (stem,) in known:
            found += [("without", None), (stem, known[stem,])]
        else:
            unknown.append(written)
        at += len(phrase or (word,))
    if unknown:
        raise _UnknownError(list(dict.fromkeys(unknown)))
    return found


def _unknown_words(prompt: str, unknown: list[str], row: Category, words: Vocabulary) -> str:
    """The message about words that are not known."""
    phrases = {" ".join(plain_words(phrase)): phrase for phrase in known_phrases(row, words)}
    told = []
    for word in unknown[:_MOST]:
        within = [phrase for plain, phrase in phrases.items() if _plain(word) in plain.split()]
        close = difflib.get_close_matches(_plain(word), phrases, cutoff=0.7)
        near = within[:3] or [phrases[plain] for plain in close]
        told.append(f"{word!r}" + (f" (did you mean {' or '.join(map(repr, near))}?)" if near else ""))
    more = f" and {len(unknown) - _MOST} more" if len(unknown) > _MOST else ""
    listed = f"`gen3d generate --category {row.name} --vocabulary` lists the known ones"
    plural = "s" if len(unknown) > 1 else ""
    return f"prompt {prompt[:200]!r}: unknown word{plural} {', '.join(told)}{more}; {listed}"


# --- the little grammar of prompts --------------------------------------------------------------------------------


def _demands(phrases: list[tuple[str, Wish | None]]) -> Iterator[Demand]:
    """The demands of looked-up phrases. Raises ValueError where a negator or an `or` has nothing to work on.

    A negator reaches as far as the next phrase and what `or` joins to it; `without` also over a bare `and`.
    """
    last: Demand | None = None
    negator = opener = carried = ""  # in force; still waiting for its phrase; would be in force again after `and`
    for text, wish in phrases:
        if wish is not None:
            if last is not None and opener in _EITHER:
                last = Demand(f"{last.phrase} or {text}", (*last.wishes, wish), last.wanted)
            else:
                if last is not None:
                    yield last
                last = Demand(text, (wish,), not negator)
                carried = negator if negator == "without" else ""
            negator = opener = ""
        elif text in _NEGATORS or text in _EITHER:
            if opener or (text in _EITHER and last is None):
                raise ValueError(f"{opener or text!r} must stand before a word that asks for something")
            opener, negator = text, text if text in _NEGATORS else ""
        elif not opener:
            negator, carried = (carried, "") if text == "and" else ("", "")
    if opener:
        raise ValueError(f"{opener!r} must stand before a word that asks for something")
    if last is not None:
        yield last


# --- wishes -------------------------------------------------------------------------------------------------------


def _satisfied(wish: Wish, traits: Mapping[str, str]) -> bool:
    return all(_among(traits.get(trait, ABSENT), values) for trait, values in wish.items())


def _among(value: str, values: tuple[str, ...]) -> bool:
    """Whether a value is one of those asked for; so is PRESENT itself only where any will do."""
    return value in values or (PRESENT in values and value != ABSENT)


def _disjoint(a: Wish, b: Wish) -> bool:
    """Whether some trait would have to have two values."""
    pairs = [(a[trait], b[trait]) for trait in a if trait in b]
    return any(not any(_among(v, two) for v in one) and not any(_among(v, one) for v in two) for one, two in pairs)


def _implies(a: Wish, b: Wish) -> bool:
    """Whether whatever satisfies `a` satisfies `b`, too."""
    return all(trait in a and all(_among(value, b[trait]) for value in a[trait]) for trait in b)
