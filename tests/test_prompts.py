"""Prompts: their words are understood, and the shapes are what they ask for."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from cli_chain import GENERATE, Run, tree
from grammar_shapes import OPTIONAL, shapes
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_generators import Dreamer
from sample_shapes import assert_same
from toy_shards import contents, stamps

from gen3d.categories import CATEGORIES
from gen3d.collection import Collection, read_info, shape_seed
from gen3d.errors import InputError, SettingsError
from gen3d.generation import GenerateSettings, generate, vocabulary
from gen3d.generators import GENERATORS
from gen3d.generators.procedural import GRAMMARS, VOCABULARIES, ProceduralGenerator, steering
from gen3d.generators.procedural.assembly import Assembly
from gen3d.generators.procedural.solids import box
from gen3d.generators.procedural.steering import LOOKS, refuse_impossible, steered, traits_of
from gen3d.generators.procedural.vocabulary import ABSENT, PRESENT, Demand, Vocabulary, Wish, plain_words, read_prompt

CHAIR = CATEGORIES["chair"]
ARM, WHEELS = {"arm": ("loop", "tee")}, {"castors": ("yes",)}
WORDS: Vocabulary = {
    "arms": ARM, "arm rests": ARM, "wheels": WHEELS, "round": {"outline": ("round",)},
    "square": {"outline": ("square",)},
    "round back": {"back": ("hoop",)}, "four legs": {"legs": ("4",)}, "shelf": {"shelf": ("yes",)}, "stool": {},
    "glass": {"stuff": ("glass",)}, "lamp": {"lights": ("1",)}, "lamps": {"lights": ("2", "3")}, "table": {},
}  # fmt: skip
EVERY = [(name, phrase) for name, words in VOCABULARIES.items() for phrase in words]


def read(prompt: str, words: Vocabulary = WORDS) -> list[tuple[tuple[Wish, ...], bool]]:
    """What a prompt about chairs asks for, without the names of everything."""
    return [(d.wishes, d.wanted) for d in read_prompt(prompt, CHAIR, words) if d.wishes != ({},)]


# --- reading ------------------------------------------------------------------------------------------------------

NO_ARM, NO_WHEELS, YES_ARM, YES_WHEELS = ((ARM,), False), ((WHEELS,), False), ((ARM,), True), ((WHEELS,), True)
ROUND, SQUARE, HOOP = WORDS["round"], WORDS["square"], WORDS["round back"]


@pytest.mark.parametrize(
    ("prompt", "asked"),
    [
        ("a chair", []),
        ("Chairs!", []),
        ("stool with a seat, a backrest and legs", []),
        ("a chair with arm rests", [YES_ARM]),
        ("A chair with ARM-RESTS.", [YES_ARM]),
        ("arm rest; wheel", [YES_ARM, YES_WHEELS]),
        ("the chair's arms", [YES_ARM]),
        ("arms & wheels", [YES_ARM, YES_WHEELS]),
        ("a round chair", [((ROUND,), True)]),
        ("a round back", [((HOOP,), True)]),
        ("round, back", [((ROUND,), True)]),
        ("a table lamp", [(({"lights": ("1",)},), True)]),
        ("table lamps", [(({"lights": ("2", "3")},), True)]),
        ("4 legs", [(({"legs": ("4",)},), True)]),
        ("with shelves of glass", [(({"shelf": ("yes",)},), True), (({"stuff": ("glass",)},), True)]),
        ("without arms", [NO_ARM]),
        ("no arms", [NO_ARM]),
        ("that has not any of the arms", [NO_ARM]),
        ("armless", [NO_ARM]),
        ("an arm-less, wheelless chair", [NO_ARM, NO_WHEELS]),
        ("without arms and wheels", [NO_ARM, NO_WHEELS]),
        ("without arms and with wheels", [NO_ARM, YES_WHEELS]),
        ("without arms, wheels", [NO_ARM, YES_WHEELS]),
        ("without arms wheels", [NO_ARM, YES_WHEELS]),
        ("without arms and the wheels", [NO_ARM, YES_WHEELS]),
        ("no arms and wheels", [NO_ARM, YES_WHEELS]),
        ("no arms, no wheels", [NO_ARM, NO_WHEELS]),
        ("no arms or wheels", [((ARM, WHEELS), False)]),
        ("without arms nor wheels and round", [((ARM, WHEELS), False), ((ROUND,), False)]),
        ("round or square", [((ROUND, SQUARE), True)]),
        ("a round or a square or an armless chair", None),
    ],
)
def test_prompts_are_understood(prompt: str, asked: list[tuple[tuple[Wish, ...], bool]] | None) -> None:
    if asked is None:
        with pytest.raises(SettingsError, match="'or' must stand before"):
            read(prompt)
    else:
        assert read(prompt) == asked


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("a chair with wings", ["unknown word 'wings';", "--category chair --vocabulary` lists the known ones"]),
        ("blue wheels, blue arms", ["unknown word 'blue';"]),
        ("huge Weels", ["unknown words 'huge', 'weels' (did you mean 'wheels'?)"]),
        ("four of them", ["'four' (did you mean 'four legs'?), 'them'"]),
        ("colourless", ["unknown word 'colourless'"]),
        (" ".join(f"x{i}x" for i in range(9)), ["'x4x' and 4 more;"]),
        ("", ["no word in it"]),
        (" .,- ", ["no word in it"]),
        ("without", ["'without' must stand before"]),
        ("arms without", ["'without' must stand before"]),
        ("no without arms", ["'no' must stand before"]),
        ("or arms", ["'or' must stand before"]),
        ("arms or", ["'or' must stand before"]),
        ("a chair or", ["'or' must stand before"]),
    ],
)
def test_what_is_not_understood_is_named(prompt: str, told: list[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        read(prompt)
    assert all(words in str(caught.value) for words in told) and "\n" not in str(caught.value)


@given(st.lists(st.tuples(st.sampled_from(EVERY), st.booleans(), st.booleans()), max_size=6))
def test_any_list_of_known_phrases_is_read_as_it_stands(said: list[tuple[tuple[str, str], bool, bool]]) -> None:
    for name in {category for (category, _), _, _ in said}:
        words = VOCABULARIES[name]
        mine = [(phrase, wanted, loud) for (category, phrase), wanted, loud in said if category == name]
        text = [("" if wanted else "without ") + (phrase.upper() if loud else phrase) for phrase, wanted, loud in mine]
        found = read_prompt(", ".join([f"a {name}", *text]), CATEGORIES[name], words)
        assert [(d.phrase, d.wishes, d.wanted) for d in found[1:]] == [(p, (words[p],), w) for p, w, _ in mine]
        assert found[0] == Demand(name, ({},))


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_one_line(text: str) -> None:
    try:
        found = read_prompt(text, CHAIR, WORDS)
    except SettingsError as error:
        assert str(error).startswith("prompt ") and "\n" not in str(error)
    else:
        assert all(demand.phrase for demand in found)


@pytest.mark.parametrize(("one", "many"), [("box", "boxes"), ("body", "bodies"), ("half", "halves"), ("bus", "bus")])
def test_singular_and_plural_are_the_same(one: str, many: str) -> None:
    assert plain_words(one) == plain_words(many) == [one]


# --- wishes -------------------------------------------------------------------------------------------------------

VALUES = (ABSENT, "a", "b", "c")
wishes = st.dictionaries(
    st.sampled_from("xy"), st.lists(st.sampled_from((*VALUES, PRESENT)), min_size=1).map(tuple), min_size=1
)
demands = st.builds(Demand, st.just("it"), st.lists(wishes, min_size=1, max_size=2).map(tuple), st.booleans())
ALL_TRAITS = [{k: v for k, v in zip("xy", pair, strict=True) if v} for pair in itertools.product(VALUES, repeat=2)]


@given(demands, demands)
def test_what_contradicts_is_never_met_together(one: Demand, other: Demand) -> None:
    together = any(one.met(traits) and other.met(traits) for traits in ALL_TRAITS)
    assert one.contradicts(other) == other.contradicts(one) and not (one.contradicts(other) and together)
    if one.wanted and other.wanted:
        assert one.contradicts(other) == (not together)


@given(demands)
def test_a_demand_and_its_negation_share_out_all_shapes(demand: Demand) -> None:
    opposite = demand._replace(wanted=not demand.wanted)
    assert all(demand.met(traits) != opposite.met(traits) for traits in ALL_TRAITS) and demand.contradicts(opposite)


def test_traits_a_shape_lacks_are_absent() -> None:
    assert Demand("no arms", ({"arm": (ABSENT,)},)).met({}) and not Demand("arms", ({"arm": (PRESENT,)},)).met({})
    assert Demand("arms", ({"arm": (PRESENT,)},)).met({"arm": "loop"})


# --- the vocabularies ---------------------------------------------------------------------------------------------


def share(name: str, phrase: str) -> float:
    """The share of the category's first shapes that are what a phrase asks for."""
    demand = Demand(phrase, (VOCABULARIES[name][phrase],))
    return float(np.mean([demand.met(shape.meta["traits"]) for shape in shapes(name)]))


@pytest.mark.parametrize("name", VOCABULARIES)
def test_words_tell_something_and_most_are_common(name: str) -> None:
    shares = {phrase: share(name, phrase) for phrase, wish in VOCABULARIES[name].items() if wish}
    assert not [phrase for phrase, part in shares.items() if part == 1], "an empty wish says nothing new"
    assert np.mean(np.array(list(shares.values())) > 0) > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", VOCABULARIES)
def test_every_word_is_reachable(name: str) -> None:
    drawn = [traits_of(GRAMMARS[name], seed) for seed in range(300)]
    for phrase, wish in VOCABULARIES[name].items():
        met = sum(Demand(phrase, (wish,)).met(traits) for traits in drawn)
        assert met >= 3, f"{phrase}: {met} of 300"


@pytest.mark.parametrize("name", VOCABULARIES)
def test_phrases_are_plain_and_mean_one_thing(name: str) -> None:
    meant: dict[tuple[str, ...], Wish] = {}
    for phrase, wish in VOCABULARIES[name].items():
        plain = tuple(plain_words(phrase))
        assert phrase == phrase.lower() and "," not in plain
        meant[plain] = wish
        assert all(isinstance(values, tuple) and values for values in wish.values()), phrase
        assert read_prompt(phrase, CATEGORIES[name], VOCABULARIES[name]) == (Demand(phrase.replace("-", " "), (wish,)),)
    assert len({str(wish) for wish in meant.values()}) >= 15


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_part_that_only_some_have_is_a_word_that_asks_for_it(name: str) -> None:
    for (category, part), promised in OPTIONAL.items():
        if category == name:
            (demand,) = read_prompt(part, CATEGORIES[name], VOCABULARIES[name])
            drawn = [shape.meta["traits"] for shape in shapes(name)]
            met = [traits for traits in drawn if demand.met(traits)]
            assert 0 < len(met) < len(drawn) and all(promised(traits) for traits in met)


# --- steering -----------------------------------------------------------------------------------------------------


def dial(rng: np.random.Generator) -> Assembly:
    """A toy grammar: a seat that has one of eight colours and, half the time, arms."""
    traits = {"colour": str(rng.integers(8))} | ({"arm": "loop"} if rng.random() < 0.5 else {})
    return Assembly([("seat", box((1.0, rng.uniform(0.5, 1), 1.0)))], traits)


@settings(max_examples=40)
@given(st.integers(0, 2**63 - 1), st.integers(0, 7))
def test_the_first_draw_that_will_do_is_taken(seed: int, colour: int) -> None:
    wanted = (Demand("colour", ({"colour": (str(colour),)},)), Demand("arms", ({"arm": ("loop",)},), False))
    made, attempt = steered(dial, seed, wanted)
    assert made.traits == {"colour": str(colour)}
    draws = [dial(np.random.default_rng([seed, i] if i else seed)) for i in range(attempt + 1)]
    assert [draw.traits == made.traits for draw in draws] == [False] * attempt + [True]
    np.testing.assert_array_equal(draws[-1].pieces[0][1].vertices, made.pieces[0][1].vertices)
    assert steered(dial, seed, ())[1] == 0


def test_what_never_comes_is_refused_at_the_start_and_a_failure_later(monkeypatch: pytest.MonkeyPatch) -> None:
    red, pink = (Demand(n, ({"colour": (v,)},)) for n, v in (("red", "7"), ("pink", "6")))
    big = Demand("big", ({"size": ("big",)},))
    with pytest.raises(SettingsError, match=f"none of {LOOKS} toy draws was 'big'; ask for less"):
        refuse_impossible(dial, [red, big], "toy")
    with pytest.raises(SettingsError, match="'red' and 'pink' contradict each other; no toy is both"):
        refuse_impossible(dial, [red, pink], "toy")
    with pytest.raises(SettingsError, match="it asks for no 'seat', but there is no toy without"):
        refuse_impossible(dial, [Demand("seat", ({},), False)], "toy")
    refuse_impossible(dial, [red], "toy")
    refuse_impossible(dial, [], "toy")
    monkeypatch.setattr(steering, "TRIES", 5)
    with pytest.raises(InputError, match="none of 5 draws was 'red' with 'big'; ask for less, or try another --seed"):
        steered(dial, 0, [red, big])


@pytest.mark.parametrize("name", GRAMMARS)
def test_without_a_prompt_a_seed_gives_the_shape_it_always_gave(name: str) -> None:
    for seed in (0, 5, shape_seed(3, 4)):
        plain = GRAMMARS[name](np.random.default_rng(seed)).shape("x", name)
        made = ProceduralGenerator().generate(name, seed, "x")
        assert_same(made, plain)
        assert made.meta == plain.meta | {"prompt": f"a {name}", "seed": seed, "generator": "procedural"}
        assert_same(ProceduralGenerator().generate(name, seed, "x", f"some {name}"), plain)


@pytest.mark.parametrize("name", VOCABULARIES)
def test_a_shape_that_is_as_asked_stays_what_it_is(name: str) -> None:
    generator = ProceduralGenerator()
    for phrase, wish in list(VOCABULARIES[name].items())[::5]:
        for seed, shape in enumerate(shapes(name)):
            if Demand(phrase, (wish,)).met(shape.meta["traits"]):
                generator.check(name, f"a {phrase} {name}")
                made = generator.generate(name, seed, shape.id, f"a {phrase} {name}")
                assert_same(made, shape)
                assert made.meta == shape.meta | {"prompt": f"a {phrase} {name}"}
                break


def assert_steered(name: str, phrase: str, seed: int) -> None:
    """The shapes of a phrase and of its negation are what they should be."""
    wish = VOCABULARIES[name][phrase]
    for prompt, wanted in ((phrase, True), (f"no {phrase}", False)) if wish else ((phrase, True),):
        made = ProceduralGenerator().generate(name, seed, "x", prompt)
        assert Demand(phrase, (wish,)).met(made.meta["traits"]) == wanted, (prompt, made.meta)
        assert made.meta["prompt"] == prompt and made.meta["seed"] == seed


@pytest.mark.parametrize("name", VOCABULARIES)
def test_steered_shapes_are_what_was_asked_for(name: str) -> None:
    common = [phrase for phrase in VOCABULARIES[name] if 0.15 <= share(name, phrase) <= 0.85]
    assert common
    for number, phrase in enumerate(common[::4]):
        assert_steered(name, phrase, shape_seed(1, number))


@pytest.mark.slow
@pytest.mark.parametrize("name", VOCABULARIES)
def test_steered_shapes_are_what_rare_words_ask_for(name: str) -> None:
    for number, phrase in enumerate(VOCABULARIES[name]):
        assert_steered(name, phrase, shape_seed(2, number))


# --- the stage ----------------------------------------------------------------------------------------------------

SETTINGS = GenerateSettings(category="table", n=5, shard=2, seed=11, prompt="a round table, no drawers")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A collection of round tables; tests read it only."""
    root = tmp_path_factory.mktemp("prompted") / "tables"
    generate(SETTINGS, root)
    return root


def test_a_collection_is_what_its_prompt_says(made: Path) -> None:
    collection = Collection.open(made)
    shapes = list(collection.shapes())
    assert len(shapes) == 5 and not collection.failures() and not collection.damage()
    for index, shape in enumerate(shapes):
        traits = shape.meta["traits"]
        assert traits["outline"] == "round" and traits["drawers"] == "none"
        assert shape.meta["prompt"] == SETTINGS.prompt and shape.meta["seed"] == shape_seed(11, index)
    assert len({shape.positions().tobytes() for shape in shapes}) == 5
    assert collection.info["settings"]["prompt"] == SETTINGS.prompt
    assert "--prompt 'a round table, no drawers'" in (made / "README.md").read_text()


def test_workers_write_the_same_bytes(made: Path, tmp_path: Path) -> None:
    generate(SETTINGS, tmp_path / "twin", workers=2)
    assert contents(tmp_path / "twin") == contents(made)


@pytest.mark.parametrize(("prompt", "now"), [("an oval table", '"an oval table"'), (None, "not set")])
def test_another_prompt_is_refused_with_both(made: Path, prompt: str | None, now: str) -> None:
    before = stamps(made)
    generate(SETTINGS, made)
    with pytest.raises(SettingsError) as caught:
        generate(SETTINGS.model_copy(update={"prompt": prompt}), made)
    assert f'settings.prompt was "a round table, no drawers", now {now}' in str(caught.value)
    assert stamps(made) == before


def test_a_collection_from_before_there_were_prompts_goes_on(tmp_path: Path) -> None:
    plain = SETTINGS.model_copy(update={"prompt": None})
    generate(plain, tmp_path / "c")
    assert set(read_info(tmp_path / "c")["settings"]) == {"category", "n", "generator", "seed", "shard"}
    before = stamps(tmp_path / "c")
    generate(plain, tmp_path / "c")
    assert stamps(tmp_path / "c") == before
    with pytest.raises(SettingsError, match='settings.prompt was not set, now "a round table, no drawers"'):
        generate(SETTINGS, tmp_path / "c")


def test_a_shape_that_does_not_come_is_a_row_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering, "TRIES", 3)
    collection = generate(SETTINGS, tmp_path / "c")
    made = len(collection)
    assert 0 < made < 5 and len(collection.failures()) == 5 - made
    reason = "none of 3 draws was 'round' with no 'drawers'; ask for less, or try another --seed"
    assert {why for _, why in collection.failures()} <= {reason, reason.replace("'round'", "'round' with 'table'")}
    monkeypatch.undo()
    assert len(generate(SETTINGS, tmp_path / "c", retry_failed=True)) == 5


def test_another_generator_takes_free_text_and_has_no_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GENERATORS, "dreamer", Dreamer)
    settings = GenerateSettings(category="mug", n=1, generator="dreamer", prompt="ein Becher — für Œdipe")
    (shape,) = generate(settings, tmp_path / "c").shapes()
    assert shape.meta["prompt"] == settings.prompt
    with pytest.raises(SettingsError, match="dreamer has no list of words; its --prompt takes any text"):
        vocabulary(settings)


# --- the command line ---------------------------------------------------------------------------------------------

CHAIRS = ("generate", "--category", "chair")


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ("a chair with wingz", ["'wingz' (did you mean 'wings'", "`gen3d generate --category chair --vocabulary`"]),
        ("without arms, with arm rests", ["no 'arms' and 'arm rests' contradict each other"]),
        ("cantilever on castors", [f"none of {LOOKS} chair draws was 'cantilever' with 'castors'; ask for less"]),
        ("a legless chair", ["no 'leg'", "there is no chair without that"]),
        (" ", ["no word in it"]),
    ],
)
def test_a_bad_prompt_is_one_line_and_exit_code_2(home: Path, run: Run, prompt: str, told: list[str]) -> None:
    before = tree(home)
    end = run(*CHAIRS, "--prompt", prompt, "--out", "new")
    assert end.code == 2 and all(words in end.error for words in told), end
    assert tree(home) == before and not (home / "new").exists()


def test_prompts_come_from_the_command_line_or_a_preset(home: Path, run: Run) -> None:
    (home / "arms.yaml").write_text("generate: {n: 2, prompt: a chair with arms}")
    assert run(*CHAIRS, "--preset", "arms.yaml", "--workers", 1, "--out", "arms").code == 0
    assert all("arm" in shape.meta["traits"] for shape in Collection.open("arms").shapes())
    armless = (*CHAIRS, "--preset", "arms.yaml", "--workers", 1, "--prompt", "armless")
    end = run(*armless, "--out", "arms")
    assert end.code == 2 and 'settings.prompt was "a chair with arms", now "armless"' in end.error
    assert run(*armless, "--out", "armless").code == 0
    assert not any("arm" in shape.meta["traits"] for shape in Collection.open("armless").shapes())
    assert run(*GENERATE, "--prompt", "a chair").code == 2  # the collection there has none


@pytest.mark.parametrize("name", GRAMMARS)
def test_the_vocabulary_is_listed_by_trait_and_nothing_is_made(home: Path, run: Run, name: str) -> None:
    before = tree(home)
    text, answer = (run("generate", "--category", name, "--vocabulary", *more) for more in ((), ("--json",)))
    assert text.code == answer.code == 0 and not text.err and tree(home) == before
    found = json.loads(answer.out)
    assert found["category"] == name
    listed = {p: w for phrases in found["vocabulary"].values() for p, w in phrases.items()}
    words = VOCABULARIES.get(name, {})
    assert {p: w for p, w in listed.items() if p in words} == {
        phrase: {trait: list(values) for trait, values in wish.items()} for phrase, wish in words.items()
    }
    assert {CATEGORIES[name].name, *words} <= set(listed)
    lines = dict(line.split(": ", 1) for line in text.out.splitlines()[1:])
    for trait, phrases in found["vocabulary"].items():
        said = lines[trait or "known, but asking for nothing new"].replace(" = ", ", ").split(", ")
        assert sorted(said) == sorted(phrases) and all(trait in wish or not wish for wish in phrases.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [(("--category", "sofa"), "unknown category 'sofa'"), (("--category", "chair", "--generator", "dream"), "'dream'")],
)
def test_there_is_no_vocabulary_of_what_is_unknown(run: Run, words: tuple[str, ...], told: str) -> None:
    end = run("generate", *words, "--vocabulary")
    assert end.code == 2 and told in end.error
