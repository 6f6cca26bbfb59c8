"""Books as 1.0.0 knows them: a title."""
SCHEMA = 1


def create(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS book (id INTEGER PRIMARY KEY, title TEXT NOT NULL)")


def all_books(connection):
    return [{"title": title} for (title,) in connection.execute("SELECT title FROM book ORDER BY id")]


def add(connection, form):
    connection.execute("INSERT INTO book (title) VALUES (?)", (form["title"],))


def line(book):
    return book["title"]
