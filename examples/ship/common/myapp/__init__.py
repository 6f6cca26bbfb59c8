"""The app, importable from where it lies."""
import os

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def version():
    with open(os.path.join(HERE, "myapp", "VERSION"), encoding="utf-8") as file:
        return file.read().strip()
