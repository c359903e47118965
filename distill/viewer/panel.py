"""The controls beside the shape: where one is, the search, the legend whose entries are switches, a teacher's views.

Texts of files and people (ids, prompts, names of parts) go into labels of buttons, which hold plain text, or through
`distill.page.text.text`; never into viser's Markdown, which would run what is in braces.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from distill.page.text import text
from distill.viewer.exhibit import Entry, Exhibit, Picture
from distill.viewer.tour import Tour
from gen3d.errors import Gen3dError
from gen3d.pictures import caption, tile

if TYPE_CHECKING:
    from viser import GuiApi, GuiButtonHandle, GuiEvent, GuiImageHandle

Act = Callable[[Callable[[Tour], Any]], None]  # what takes a change of the tour
_FREE = "where I am"
_HIDDEN_COLOR = (225, 225, 225)
_WIDTH, _VIEWS_WIDTH = 330, 330  # pixels
_KEYS = "keys: N or right arrow next, P or left arrow previous, 1 to 9 colours, A all parts"


class Panel:
    """The controls of one viewer.

    Args:
        gui: viser's.
        title: what the shapes are.
        count: how many there are.
        act: is given what a control changes of the tour.
        look_from: is given elevation and azimuth, degrees.
    """

    def __init__(
        self, gui: GuiApi, title: str, count: int, act: Act, look_from: Callable[[float, float], None]
    ) -> None:
        self._gui, self._act, self._look_from, self._count = gui, act, look_from, count
        gui.configure_theme(show_logo=False, show_share_button=False)
        gui.set_panel_label("gen3d show")
        gui.main_panel.dock_right()
        gui.main_panel.set_width(_WIDTH)
        self._title = gui.add_html(_line(title, bold=True))
        self._walk = gui.add_button_group("go", ["previous", "next"])
        self._number = gui.add_number("shape", 1, min=1, max=count, step=1, hint=f"1 to {count}")
        self._find = gui.add_text("find", "", hint="words of the id, the prompt or the file's name")
        self._found = gui.add_html("")
        self._further = gui.add_button("next match", visible=False)
        self._notes = gui.add_html("")
        self._layer = gui.add_dropdown("colours", ["-"])
        self._legend = gui.add_folder("Parts")
        with self._legend:
            self._all = gui.add_button("show or hide all", color="gray")
        self._views = _Views(gui, act, look_from)
        self._keys = gui.add_html(_line(_KEYS, small=True))
        self._buttons: dict[str, GuiButtonHandle] = {}
        self._said = ""
        self._bind()

    def _bind(self) -> None:
        """Handlers; what the server itself sets comes without a client and changes nothing."""
        self._walk.on_click(lambda event: self._act(lambda tour: tour.step(1 if event.target.value == "next" else -1)))
        self._number.on_update(_by_user(lambda event: self._act(lambda tour: tour.go(round(event.target.value) - 1))))
        self._find.on_update(_by_user(lambda event: self._act(lambda tour: self._search(tour, event.target.value))))
        self._further.on_click(lambda event: self._act(lambda tour: self._search(tour, self._find.value, True)))
        self._layer.on_update(_by_user(lambda event: self._act(lambda tour: _choose(tour, event.target.value))))
        self._all.on_click(lambda event: self._act(lambda tour: tour.toggle_all(list(self._buttons))))
        self._key("next shape", ("N", "arrowright"), lambda tour: tour.step(1))
        self._key("previous shape", ("P", "arrowleft"), lambda tour: tour.step(-1))
        self._key("show or hide all parts", ("A",), lambda tour: tour.toggle_all(list(self._buttons)))
        for number in range(9):
            self._key(f"colours {number + 1}", (str(number + 1),), lambda tour, n=number: self._choose_nth(tour, n))

    def _key(self, label: str, keys: tuple[Any, ...], change: Callable[[Tour], Any]) -> None:
        """Have keys do something; viser's list of commands (Ctrl-K) names the first."""
        for key in keys:
            self._gui.add_command(label, hotkey=key).on_trigger(lambda event: self._act(change))

    def _search(self, tour: Tour, words: str, further: bool = False) -> None:
        try:
            self._said = tour.search(words, further)
        except Gen3dError as error:  # of a damaged collection, whose prompts can't be read
            self._said = str(error)

    def _choose_nth(self, tour: Tour, number: int) -> None:
        titles = self._layer.options
        if number < len(titles):
            _choose(tour, titles[number])

    def show(self, exhibit: Exhibit, tour: Tour) -> None:
        """Tell what is shown of a shape."""
        layer = exhibit.layer(tour.layer)
        self._where(exhibit.id, list(exhibit.notes), tour)
        titles = tuple(one.title for one in exhibit.layers)
        _set(self._layer, "options", titles)
        _set(self._layer, "value", layer.title)
        self._layer.visible = len(titles) > 1
        self._show_legend(layer.legend(exhibit.weights()), tour)

    def fail(self, id: str, reason: str, tour: Tour) -> None:
        """Tell why a shape can't be shown."""
        self._where(id, [("can't be shown", reason)], tour)
        self._show_legend([], tour)
        self._views.clear()

    def show_views(self, exhibit: Exhibit, teacher: str, pictures: list[Picture]) -> None:
        """Put a teacher's views beside the shape."""
        self._views.show(exhibit, teacher, pictures)

    def clear_views(self) -> None:
        """Take the views away, which belong to another shape."""
        self._views.clear()

    def _where(self, id: str, notes: list[tuple[str, str]], tour: Tour) -> None:
        _set(self._number, "value", tour.number + 1)
        self._found.content = _line(self._said, small=True) if self._said else ""
        self._further.visible = self._said.startswith("match")
        place = f"{tour.number + 1} of {self._count}"
        self._notes.content = _line(f"{id} ({place})", bold=True) + "".join(_line(f"{k}: {v}") for k, v in notes)

    def _show_legend(self, entries: list[Entry], tour: Tour) -> None:
        """A button per name in its colour, grey while it is hidden."""
        from viser import Icon

        if list(self._buttons) != [entry.name for entry in entries]:
            for button in self._buttons.values():
                button.remove()
            self._buttons = {entry.name: self._switch(entry) for entry in entries}
        for entry in entries:
            button, hidden = self._buttons[entry.name], entry.name in tour.hidden
            _set(button, "label", _label(entry))
            _set(button, "color", _HIDDEN_COLOR if hidden else entry.color)
            _set(button, "icon", Icon.EYE_OFF if hidden else Icon.EYE)
            _set(button, "disabled", not entry.share)

    def _switch(self, entry: Entry) -> GuiButtonHandle:
        """The button of a name."""
        with self._legend:
            button = self._gui.add_button(_label(entry), color=entry.color)
        button.on_click(lambda event: self._act(lambda tour: tour.toggle(entry.name)))
        return button


class _Views:
    """A panel of its own with what a teacher saw and found; there is none before there are views."""

    def __init__(self, gui: GuiApi, act: Act, look_from: Callable[[float, float], None]) -> None:
        self._gui, self._act, self._look_from = gui, act, look_from
        self._image: GuiImageHandle | None = None
        self._cameras: tuple[tuple[float, float], ...] = ()

    def show(self, exhibit: Exhibit, teacher: str, pictures: list[Picture]) -> None:
        """The views of a teacher of that shape."""
        self._cameras = exhibit.cameras[teacher]
        names = [f"{n}: {e:.0f}° up, {a:.0f}° round" for n, (e, a) in enumerate(self._cameras, 1)]
        sheet = tile([caption(picture, name) for picture, name in zip(pictures, names, strict=True)], 2)
        image = self._image or self._make(sheet)
        image.image, image.visible = sheet, True
        teachers = tuple(exhibit.views)
        _set(self._teacher, "options", teachers)
        _set(self._teacher, "value", teacher)
        self._teacher.visible = len(teachers) > 1
        _set(self._from, "options", (_FREE, *names))

    def clear(self) -> None:
        """No views."""
        if self._image is not None:
            self._image.visible = False

    def _make(self, sheet: Picture) -> GuiImageHandle:
        panel = self._gui.add_panel()
        with panel.add_tab("Teacher's views"):
            self._teacher = self._gui.add_dropdown("teacher", ["-"])
            self._from = self._gui.add_dropdown("look from", [_FREE], hint="the place of a view's camera")
            self._image = image = self._gui.add_image(sheet)
        panel.dock_left()
        panel.set_width(_VIEWS_WIDTH)
        self._teacher.on_update(_by_user(lambda event: self._act(lambda tour: _ask(tour, event.target.value))))
        self._from.on_update(_by_user(lambda event: self._stand(event.target.value)))
        return image

    def _stand(self, name: str) -> None:
        """Look from the view of that name."""
        number = self._from.options.index(name) - 1
        if 0 <= number < len(self._cameras):
            self._look_from(*self._cameras[number])


def _by_user(handle: Callable[[GuiEvent[Any]], None]) -> Callable[[GuiEvent[Any]], None]:
    """The handler, for what a browser did alone."""
    return lambda event: handle(event) if event.client is not None else None


def _choose(tour: Tour, title: str) -> None:
    tour.layer = title


def _ask(tour: Tour, teacher: str) -> None:
    tour.teacher = teacher


def _set(handle: object, name: str, value: object) -> None:
    """Set a property that has another value: each that is set is sent to every browser."""
    if getattr(handle, name) != value:
        setattr(handle, name, value)


def _label(entry: Entry) -> str:
    share = 100 * entry.share
    return f"{entry.name}  {share:.0f} %" if share >= 0.5 or not share else f"{entry.name}  {share:.1f} %"


def _line(words: str, bold: bool = False, small: bool = False) -> str:
    """A line of HTML of any text."""
    style = "margin:0 0.9em 0.4em;font-size:0.85em;overflow-wrap:anywhere"
    style += ";font-weight:600" if bold else ""
    style += ";opacity:0.7;font-size:0.75em" if small else ""
    return f'<div style="{style}">{text(words)}</div>'
