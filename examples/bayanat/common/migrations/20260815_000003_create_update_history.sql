-- what the admin page shows: Bayanat's own table, written by whoever updates it
CREATE TABLE IF NOT EXISTS update_history (
    id serial PRIMARY KEY,
    version_from text,
    version_to text NOT NULL,
    status text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
