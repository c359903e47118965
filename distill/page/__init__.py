"""The pieces of the page that `gen3d report` writes; page.html, style.css and viewer.js are its template."""
