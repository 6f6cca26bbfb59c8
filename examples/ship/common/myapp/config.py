"""Its configuration, read and judged."""
import json
import os
import tomllib

from myapp import HERE


def validate():
    with open(os.path.join(HERE, "config.toml"), "rb") as file:
        main = tomllib.load(file)
    with open(os.path.join(HERE, "config", "app.toml"), "rb") as file:
        app = tomllib.load(file)
    with open(os.path.join(HERE, "config", "features.json"), encoding="utf-8") as file:
        json.load(file)
    if main["server"]["workers"] < 1 or app["timeout"] < 1:
        raise ValueError("a number is too small")
