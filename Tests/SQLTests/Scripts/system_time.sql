# AS OF SYSTEM TIME, by CockroachDB's syntax.
CREATE TABLE t (id int PRIMARY KEY);
----
CREATE TABLE

INSERT INTO t VALUES (1);
----
INSERT 0 1

SELECT * FROM t AS OF SYSTEM TIME '-10s' WHERE id = 1;
----
id:integer
1
SELECT 1

SELECT id FROM t AS OF SYSTEM TIME '2023-11-14 00:00:00+00' ORDER BY id;
----
id:integer
1
SELECT 1

SELECT id FROM t AS OF SYSTEM TIME 1699999999000000.7;
----
id:integer
1
SELECT 1

SELECT id FROM t AS OF SYSTEM TIME INTERVAL '-1 hour';
----
id:integer
1
SELECT 1

EXPLAIN (COSTS off) SELECT id FROM t AS OF SYSTEM TIME '-1h';
----
QUERY PLAN:text
Seq Scan on t
  Tablets: 3 of 3
EXPLAIN

SELECT id FROM t AS OF SYSTEM TIME '2100-01-01';
----
ERROR: 22023: AS OF SYSTEM TIME: "2100-01-01" is in the future

SELECT id FROM t AS OF SYSTEM TIME 'yesterday evening';
----
ERROR: 22023: AS OF SYSTEM TIME: "yesterday evening" is not a time
HINT: Use an interval such as '-10s', a timestamp, or a hybrid time.

SELECT id FROM t AS OF SYSTEM TIME;
----
ERROR: 42601: syntax error at or near ";"
POSITION: 35

INSERT INTO t SELECT 2 AS OF SYSTEM TIME '-1s';
----
ERROR: 42601: syntax error at or near "AS OF SYSTEM TIME"
POSITION: 24

SELECT id FROM t AS OF SYSTEM TIME '-1s' FOR UPDATE;
----
ERROR: 25006: cannot execute SELECT FOR UPDATE in a read-only transaction

BEGIN AS OF SYSTEM TIME '-10s'; SELECT id FROM t; INSERT INTO t VALUES (2);
----
BEGIN
id:integer
1
SELECT 1
ERROR: 25006: cannot execute INSERT in a read-only transaction
(in a failed block)

ROLLBACK; START TRANSACTION READ ONLY AS OF SYSTEM TIME '-10s'; SELECT id FROM t; COMMIT;
----
ROLLBACK
START TRANSACTION
id:integer
1
SELECT 1
COMMIT

BEGIN; SET TRANSACTION AS OF SYSTEM TIME '-10s'; SELECT id FROM t; SET TRANSACTION AS OF SYSTEM TIME '-10s';
----
BEGIN
SET
id:integer
1
SELECT 1
ERROR: 25001: AS OF SYSTEM TIME must be given before any query
(in a failed block)

ROLLBACK; BEGIN; SELECT id FROM t AS OF SYSTEM TIME '-10s';
----
ROLLBACK
BEGIN
ERROR: 0A000: AS OF SYSTEM TIME for one statement of a transaction is not supported
HINT: Use BEGIN AS OF SYSTEM TIME.
(in a failed block)

ROLLBACK; SET apus.read_time = 'soon';
----
ROLLBACK
ERROR: 22023: AS OF SYSTEM TIME: "soon" is not a time
HINT: Use an interval such as '-10s', a timestamp, or a hybrid time.

SET apus.read_time = '-10s'; SELECT id FROM t;
----
SET
id:integer
1
SELECT 1

DELETE FROM t;
----
ERROR: 25006: cannot execute DELETE in a read-only transaction

BEGIN; DELETE FROM t;
----
BEGIN
ERROR: 25006: cannot execute DELETE in a read-only transaction
(in a failed block)

ROLLBACK; RESET apus.read_time; DELETE FROM t;
----
ROLLBACK
RESET
DELETE 1

