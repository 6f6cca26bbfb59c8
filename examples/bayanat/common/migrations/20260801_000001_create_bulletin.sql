CREATE TABLE IF NOT EXISTS bulletin (
    id serial PRIMARY KEY,
    title text NOT NULL
);
