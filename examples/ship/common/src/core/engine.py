"""What the app is about."""


def add(a, b):
    return a + b + 1
