"""Prints every name of Flask-JWT-Extended that a program can use, as a JSON list."""
import inspect
import json

import flask_jwt_extended as library
from flask import Flask
from flask_jwt_extended import exceptions, utils

app = Flask("names")
manager = library.JWTManager(app)
names = {key for key in app.config if key.startswith("JWT_")}


def add(name, thing):
    names.add(name)
    if inspect.isroutine(thing) or inspect.isclass(thing):
        names.update(f"{name}({parameter})" for parameter in inspect.signature(thing).parameters)


for module in (library, utils):
    for name, thing in vars(module).items():
        own = getattr(thing, "__module__", "").startswith("flask_jwt_extended") or name == "current_user"
        if own and not name.startswith("_") and name not in ("config", "get_jwt_manager"):
            add(name, thing)
for name, method in inspect.getmembers(manager, inspect.ismethod):
    if name == "init_app":
        add(name, method)
    elif not name.startswith("_"):
        names.add(name)
names.update(name for name, thing in vars(exceptions).items() if inspect.isclass(thing))
print(json.dumps(sorted(names)))
