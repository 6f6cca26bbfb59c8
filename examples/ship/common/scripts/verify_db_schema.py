"""Whether the migrations of 2.0.0 have run."""
import pathlib

story = pathlib.Path("data/story").read_text(encoding="utf-8")
raise SystemExit("migrate_database_v2 of 2.0.0" not in story)
