# The first statements of anyone.
SELECT 1;
----
?column?:integer
1
SELECT 1

CREATE TABLE t (id int PRIMARY KEY, name text NOT NULL, n int DEFAULT 7);
----
CREATE TABLE

INSERT INTO t VALUES (1, 'a', 2), (2, 'b', DEFAULT), (3, 'c', NULL);
----
INSERT 0 3

SELECT * FROM t ORDER BY id;
----
id:integer|name:text|n:integer
1|a|2
2|b|7
3|c|∅
SELECT 3

SELECT id, n + 1 AS m FROM t WHERE id = 2;
----
id:integer|m:integer
2|8
SELECT 1

UPDATE t SET n = n + 1 WHERE id = 1 RETURNING *;
----
id:integer|name:text|n:integer
1|a|3
UPDATE 1

UPDATE t SET n = 0;
----
UPDATE 3

DELETE FROM t WHERE id = 3;
----
DELETE 1

SELECT count(*), sum(n), min(name) FROM t;
----
count:bigint|sum:bigint|min:text
2|0|a
SELECT 1

SELECT n, count(*) FROM t GROUP BY n HAVING count(*) > 0 ORDER BY 1;
----
n:integer|count:bigint
0|2
SELECT 1

INSERT INTO t VALUES (1, 'x', 1);
----
ERROR: 23505: duplicate key value violates unique constraint "t_pkey"
DETAIL: Key (id)=(1) already exists.

INSERT INTO t VALUES (9, NULL, 1);
----
ERROR: 23502: null value in column "name" of relation "t" violates not-null constraint
DETAIL: Failing row contains (9, null, 1).

SELECT nme FROM t;
----
ERROR: 42703: column "nme" does not exist
POSITION: 8
HINT: Perhaps you meant to reference the column "t.name".

SELECT * FROM missing;
----
ERROR: 42P01: relation "missing" does not exist
POSITION: 15

SELEC 1;
----
ERROR: 42601: syntax error at or near "SELEC"
POSITION: 1

SHOW server_version;
----
server_version:text
15.1
SHOW

SET timezone = 'UTC';
----
SET

SET statement_timeout = '5s';
----
SET

SHOW statement_timeout;
----
statement_timeout:text
5s
SHOW

SELECT version();
----
version:text
PostgreSQL 15.1 (Apus 0.1.0) on x86_64-pc-linux-gnu, 64-bit
SELECT 1

SELECT i FROM generate_series(1, 5) AS g(i) WHERE i % 2 = 1;
----
i:integer
1
3
5
SELECT 3

VALUES (1, 'a'), (2, 'b');
----
column1:integer|column2:text
1|a
2|b
SELECT 2

BEGIN;
----
BEGIN
(in a block)

COMMIT;
----
COMMIT

SELECT * FROM t a JOIN t b ON a.id = b.id;
----
ERROR: 0A000: JOIN is not supported
HINT: Read one table, view or function at a time, and put the rows together in the client.

DROP TABLE t, u;
----
ERROR: 42P01: table "u" does not exist

DROP TABLE IF EXISTS t, u;
----
NOTICE: 00000: table "u" does not exist, skipping
DROP TABLE

