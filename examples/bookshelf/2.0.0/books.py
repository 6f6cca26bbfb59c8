"""Books as 2.0.0 knows them: a title and an author."""
SCHEMA = 2


def create(connection):
    connection.execute("CREATE TABLE IF NOT EXISTS book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL DEFAULT '')")


def all_books(connection):
    return [{"title": title, "author": author} for title, author in connection.execute("SELECT title, author FROM book ORDER BY id")]


def add(connection, form):
    connection.execute("INSERT INTO book (title, author) VALUES (?, ?)", (form["title"], form.get("author", "")))


def line(book):
    return "%s (%s)" % (book["title"], book["author"]) if book["author"] else book["title"]
