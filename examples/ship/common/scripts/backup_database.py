"""Notes in data/story that it ran, and of which release it is."""
import pathlib
import sys

here = pathlib.Path(sys.argv[0]).resolve().parent.parent
with open("data/story", "a", encoding="utf-8") as story:
    story.write("backup_database of " + (here / "myapp" / "VERSION").read_text())
