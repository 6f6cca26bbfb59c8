-- liftlock: no-transaction
CREATE OR REPLACE FUNCTION f(a int) RETURNS int LANGUAGE sql BEGIN ATOMIC; SELECT CASE WHEN a > 0 THEN 1 ELSE 2 END; END;
DO $body$ BEGIN PERFORM 1; RAISE NOTICE 'x; y'; END $body$; /* a /* nested; */ b */
INSERT INTO t VALUES (E'it\'s; one', 'it''s', "odd;name", $1$), U&'d\0061t'); ROLLBACK TO SAVEPOINT s;
\connect other
COPY t (a) FROM STDIN WITH (FORMAT csv); START TRANSACTION; CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2);
