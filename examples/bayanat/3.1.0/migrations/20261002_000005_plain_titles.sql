-- rewrites every row: what a restore by hand would have to undo
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM bulletin WHERE title LIKE ' %') THEN
        UPDATE bulletin SET title = btrim(title);
    END IF;
END
$$;
UPDATE bulletin SET status = 'kept' WHERE title <> '';
