"""Books as 3.0.0 knows them: with a year. Its migration forgot one column, which no look at files can tell."""
SCHEMA = 3


def create(connection):
    connection.execute(
        "CREATE TABLE IF NOT EXISTS book (id INTEGER PRIMARY KEY, title TEXT NOT NULL, author TEXT NOT NULL DEFAULT '', year INTEGER)"
    )


def all_books(connection):
    rows = connection.execute("SELECT title, author, year FROM book ORDER BY id")
    return [{"title": title, "author": author, "year": year} for title, author, year in rows]


def add(connection, form):
    connection.execute("INSERT INTO book (title, author, year) VALUES (?, ?, ?)", (form["title"], form.get("author", ""), form.get("year")))


def line(book):
    return "%s (%s, %s)" % (book["title"], book["author"], book["year"])
