CREATE TABLE entry (number integer PRIMARY KEY, text text NOT NULL);
CREATE TABLE shape (schema integer PRIMARY KEY);
INSERT INTO shape VALUES (1);
