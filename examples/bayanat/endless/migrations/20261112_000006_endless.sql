UPDATE bulletin SET title = 'gone';
SELECT pg_sleep(3600);
