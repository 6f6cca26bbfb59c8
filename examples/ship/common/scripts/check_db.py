"""Whether the database server answers."""
import socket

with socket.socket(socket.AF_UNIX) as connection:
    connection.connect("/run/postgresql/.s.PGSQL.5432")
