CREATE TEMP TRIGGER a AFTER INSERT ON t BEGIN UPDATE t SET a = CASE WHEN 1 THEN 2 END; DELETE FROM t; END;
.read other.sql
SELECT [a;b], `c;d`, "e;f", 'g;h' -- i;j
; END; PRAGMA user_version = 3;;
