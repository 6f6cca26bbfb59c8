CREATE TABLE IF NOT EXISTS task (
    id serial PRIMARY KEY,
    bulletin integer NOT NULL REFERENCES bulletin (id),
    done integer NOT NULL DEFAULT 0
);
