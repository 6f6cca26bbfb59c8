#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""stray.py URL FILE PAUSE: a program that nobody told of any fence. Enters "stray N" into the app's table, N rising; where
its connection is lost it comes again after PAUSE seconds. Appends each N that the server acknowledged to FILE."""
import itertools
import sys
import time

import psycopg2


def enter(connection, number):
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO bulletin (title) VALUES (%s)", ("stray %d" % number,))


def main():
    connection = None
    with open(sys.argv[2], "a", buffering=1) as acknowledged:
        for number in itertools.count(1):
            try:
                if connection is None:
                    connection = psycopg2.connect(sys.argv[1])
                    connection.autocommit = True
                enter(connection, number)
                acknowledged.write("%d\n" % number)
            except psycopg2.Error:
                connection = None
                time.sleep(float(sys.argv[3]))
            time.sleep(0.005)


if __name__ == "__main__":
    main()
