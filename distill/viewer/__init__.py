"""The stage `show`: shapes, their parts and what a teacher sees of them, in a browser.

`sources` and `files` say what there is to look at, `exhibit` holds one shape as it is looked at, `tour` what the user
has chosen; none of them knows of viser. `stage` draws, `panel` has the controls.
"""
