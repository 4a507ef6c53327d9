# Transaction blocks, savepoints, and what PostgreSQL 15 says to their misuse (each checked against it).
CREATE TABLE t (id int PRIMARY KEY, n int);
----
CREATE TABLE

INSERT INTO t VALUES (1, 1), (2, 2);
----
INSERT 0 2

# Outside of blocks.
COMMIT;
----
WARNING: 25P01: there is no transaction in progress
COMMIT

ROLLBACK;
----
WARNING: 25P01: there is no transaction in progress
ROLLBACK

COMMIT AND CHAIN;
----
ERROR: 25P01: COMMIT AND CHAIN can only be used in transaction blocks

SAVEPOINT a;
----
ERROR: 25P01: SAVEPOINT can only be used in transaction blocks

RELEASE a;
----
ERROR: 25P01: RELEASE SAVEPOINT can only be used in transaction blocks

ROLLBACK TO a;
----
ERROR: 25P01: ROLLBACK TO SAVEPOINT can only be used in transaction blocks

DECLARE c CURSOR FOR SELECT 1;
----
ERROR: 25P01: DECLARE CURSOR can only be used in transaction blocks

SET LOCAL work_mem = '1MB';
----
WARNING: 25P01: SET LOCAL can only be used in transaction blocks
SET

SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
----
WARNING: 25P01: SET TRANSACTION can only be used in transaction blocks
SET

SET transaction_isolation = 'serializable';
----
SET

SHOW transaction_isolation;
----
transaction_isolation:text
read committed
SHOW

PREPARE TRANSACTION 'x';
----
ERROR: 0A000: PREPARE TRANSACTION is not supported
HINT: Use COMMIT; a transaction's rows may be on any number of nodes.

# A block commits, or does not.
BEGIN;
----
BEGIN
(in a block)

INSERT INTO t VALUES (3, 3);
----
INSERT 0 1
(in a block)

SELECT * FROM t ORDER BY id;
----
id:integer|n:integer
1|1
2|2
3|3
SELECT 3
(in a block)

ROLLBACK;
----
ROLLBACK

SELECT * FROM t ORDER BY id;
----
id:integer|n:integer
1|1
2|2
SELECT 2

START TRANSACTION; INSERT INTO t VALUES (3, 3); END;
----
START TRANSACTION
INSERT 0 1
COMMIT

BEGIN WORK; DELETE FROM t WHERE id = 3; UPDATE t SET n = n + 10; COMMIT WORK;
----
BEGIN
DELETE 1
UPDATE 2
COMMIT

SELECT * FROM t ORDER BY id;
----
id:integer|n:integer
1|11
2|12
SELECT 2

# A failed block only ends.
BEGIN;
----
BEGIN
(in a block)

SELECT 1/0;
----
ERROR: 22012: division by zero
(in a failed block)

SELECT 1;
----
ERROR: 25P02: current transaction is aborted, commands ignored until end of transaction block
(in a failed block)

SAVEPOINT a;
----
ERROR: 25P02: current transaction is aborted, commands ignored until end of transaction block
(in a failed block)

SHOW work_mem;
----
ERROR: 25P02: current transaction is aborted, commands ignored until end of transaction block
(in a failed block)

COMMIT;
----
ROLLBACK

BEGIN; INSERT INTO t VALUES (1, 1);
----
BEGIN
ERROR: 23505: duplicate key value violates unique constraint "t_pkey"
DETAIL: Key (id)=(1) already exists.
(in a failed block)

ABORT;
----
ROLLBACK

# The level is chosen before the first query.
BEGIN; BEGIN ISOLATION LEVEL SERIALIZABLE; SHOW transaction_isolation;
----
BEGIN
WARNING: 25001: there is already a transaction in progress
BEGIN
transaction_isolation:text
serializable
SHOW
(in a block)

SELECT 1;
----
?column?:integer
1
SELECT 1
(in a block)

SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
----
SET
(in a block)

SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
----
ERROR: 25001: SET TRANSACTION ISOLATION LEVEL must be called before any query
(in a failed block)

ROLLBACK;
----
ROLLBACK

BEGIN READ ONLY; SET TRANSACTION READ WRITE; SHOW transaction_read_only; SET TRANSACTION READ ONLY; SELECT 1;
----
BEGIN
SET
transaction_read_only:text
off
SHOW
SET
?column?:integer
1
SELECT 1
(in a block)

SET TRANSACTION READ WRITE;
----
ERROR: 25001: transaction read-write mode must be set before any query
(in a failed block)

ROLLBACK AND CHAIN;
----
ROLLBACK
(in a block)

SHOW transaction_read_only;
----
transaction_read_only:text
off
SHOW
(in a block)

SELECT id FROM t ORDER BY id FOR UPDATE;
----
id:integer
1
2
SELECT 2
(in a block)

COMMIT AND CHAIN;
----
COMMIT
(in a block)

COMMIT;
----
COMMIT

BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY, DEFERRABLE;
----
BEGIN
(in a block)

SHOW transaction_deferrable;
----
transaction_deferrable:text
on
SHOW
(in a block)

INSERT INTO t VALUES (9, 9);
----
ERROR: 25006: cannot execute INSERT in a read-only transaction
(in a failed block)

ROLLBACK;
----
ROLLBACK

BEGIN ISOLATION LEVEL SERIALIZABLE; COMMIT AND CHAIN; SHOW transaction_isolation; COMMIT; SHOW transaction_isolation;
----
BEGIN
COMMIT
transaction_isolation:text
serializable
SHOW
COMMIT
transaction_isolation:text
read committed
SHOW

BEGIN ISOLATION LEVEL READ UNCOMMITTED; SHOW transaction_isolation; COMMIT;
----
BEGIN
transaction_isolation:text
read uncommitted
SHOW
COMMIT

BEGIN; SAVEPOINT a; SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;
----
BEGIN
SAVEPOINT
ERROR: 25001: SET TRANSACTION ISOLATION LEVEL must not be called in a subtransaction
(in a failed block)

ROLLBACK;
----
ROLLBACK

BEGIN; SAVEPOINT a; SET TRANSACTION DEFERRABLE;
----
BEGIN
SAVEPOINT
ERROR: 25001: SET TRANSACTION [NOT] DEFERRABLE cannot be called within a subtransaction
(in a failed block)

ROLLBACK;
----
ROLLBACK

BEGIN; SELECT 1; SET TRANSACTION DEFERRABLE;
----
BEGIN
?column?:integer
1
SELECT 1
ERROR: 25001: SET TRANSACTION [NOT] DEFERRABLE must be called before any query
(in a failed block)

ROLLBACK;
----
ROLLBACK

BEGIN READ ONLY; SAVEPOINT a; SET TRANSACTION READ WRITE;
----
BEGIN
SAVEPOINT
ERROR: 25001: cannot set transaction read-write mode inside a read-only transaction
(in a failed block)

ROLLBACK;
----
ROLLBACK

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY;
----
PARAMETER: default_transaction_read_only = on
SET

SHOW default_transaction_isolation;
----
default_transaction_isolation:text
serializable
SHOW

SHOW transaction_read_only;
----
transaction_read_only:text
on
SHOW

SELECT n FROM t FOR UPDATE;
----
ERROR: 25006: cannot execute SELECT FOR UPDATE in a read-only transaction

UPDATE t SET n = 1;
----
ERROR: 25006: cannot execute UPDATE in a read-only transaction

COPY t FROM STDIN;
----
ERROR: 25006: cannot execute COPY FROM in a read-only transaction

BEGIN READ WRITE; UPDATE t SET n = n; COMMIT;
----
BEGIN
UPDATE 2
COMMIT

SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE;
----
PARAMETER: default_transaction_read_only = off
SET

# Savepoints.
BEGIN; SAVEPOINT a; INSERT INTO t VALUES (4, 4); SAVEPOINT b; INSERT INTO t VALUES (5, 5);
----
BEGIN
SAVEPOINT
INSERT 0 1
SAVEPOINT
INSERT 0 1
(in a block)

ROLLBACK TO b; SELECT id FROM t ORDER BY id;
----
ROLLBACK
id:integer
1
2
4
SELECT 3
(in a block)

SELECT 1/0;
----
ERROR: 22012: division by zero
(in a failed block)

ROLLBACK TO b;
----
ROLLBACK
(in a block)

INSERT INTO t VALUES (6, 6); RELEASE b; ROLLBACK TO b;
----
INSERT 0 1
RELEASE
ERROR: 3B001: savepoint "b" does not exist
(in a failed block)

ROLLBACK TO a; SELECT id FROM t ORDER BY id; RELEASE a; COMMIT;
----
ROLLBACK
id:integer
1
2
SELECT 2
RELEASE
COMMIT

BEGIN; SAVEPOINT a; INSERT INTO t VALUES (4, 4); SAVEPOINT a; INSERT INTO t VALUES (5, 5); ROLLBACK TO a; RELEASE a;
----
BEGIN
SAVEPOINT
INSERT 0 1
SAVEPOINT
INSERT 0 1
ROLLBACK
RELEASE
(in a block)

ROLLBACK TO a; SELECT id FROM t ORDER BY id; COMMIT;
----
ROLLBACK
id:integer
1
2
SELECT 2
COMMIT

BEGIN; SAVEPOINT a; ROLLBACK TO b;
----
BEGIN
SAVEPOINT
ERROR: 3B001: savepoint "b" does not exist
(in a failed block)

RELEASE a;
----
ERROR: 25P02: current transaction is aborted, commands ignored until end of transaction block
(in a failed block)

ROLLBACK TO a; RELEASE a; RELEASE a;
----
ROLLBACK
RELEASE
ERROR: 3B001: savepoint "a" does not exist
(in a failed block)

ROLLBACK;
----
ROLLBACK

# Settings follow their transaction.
BEGIN; SET LOCAL work_mem = '1MB'; SAVEPOINT a; SET work_mem = '2MB'; RELEASE a; SHOW work_mem; COMMIT; SHOW work_mem;
----
BEGIN
SET
SAVEPOINT
SET
RELEASE
work_mem:text
2MB
SHOW
COMMIT
work_mem:text
2MB
SHOW

BEGIN; SET work_mem = '3MB'; SAVEPOINT a; SET LOCAL work_mem = '2MB'; ROLLBACK TO a; SHOW work_mem; SET LOCAL work_mem = '5MB'; COMMIT;
----
BEGIN
SET
SAVEPOINT
SET
ROLLBACK
work_mem:text
3MB
SHOW
SET
COMMIT

SHOW work_mem;
----
work_mem:text
3MB
SHOW

BEGIN; SET application_name = 'x';
----
BEGIN
PARAMETER: application_name = x
SET
(in a block)

ROLLBACK;
----
ROLLBACK
PARAMETER: application_name = 

BEGIN; SET application_name = 'x'; SELECT 1/0;
----
BEGIN
PARAMETER: application_name = x
SET
ERROR: 22012: division by zero
PARAMETER: application_name = 
(in a failed block)

ROLLBACK;
----
ROLLBACK

SET work_mem = '4MB'; SELECT 1/0;
----
SET
ERROR: 22012: division by zero

SHOW work_mem;
----
work_mem:text
3MB
SHOW

SET LOCAL work_mem = '1MB'; SHOW work_mem;
----
SET
work_mem:text
1MB
SHOW

SHOW work_mem;
----
work_mem:text
3MB
SHOW

RESET work_mem;
----
RESET

# Several statements of one query are one transaction, unless they say otherwise.
INSERT INTO t VALUES (5, 5); INSERT INTO t VALUES (6, 6); SELECT 1/0;
----
INSERT 0 1
INSERT 0 1
ERROR: 22012: division by zero

INSERT INTO t VALUES (5, 5); COMMIT; INSERT INTO t VALUES (6, 6); SELECT 1/0;
----
INSERT 0 1
WARNING: 25P01: there is no transaction in progress
COMMIT
INSERT 0 1
ERROR: 22012: division by zero

SELECT id FROM t ORDER BY id;
----
id:integer
1
2
5
SELECT 3

INSERT INTO t VALUES (7, 7); ROLLBACK; INSERT INTO t VALUES (8, 8);
----
INSERT 0 1
WARNING: 25P01: there is no transaction in progress
ROLLBACK
INSERT 0 1

BEGIN; INSERT INTO t VALUES (9, 9); COMMIT; SELECT 1/0;
----
BEGIN
INSERT 0 1
COMMIT
ERROR: 22012: division by zero

SELECT id FROM t ORDER BY id;
----
id:integer
1
2
5
8
9
SELECT 5

INSERT INTO t VALUES (10, 10); BEGIN; INSERT INTO t VALUES (11, 11); SELECT 1/0;
----
INSERT 0 1
BEGIN
INSERT 0 1
ERROR: 22012: division by zero
(in a failed block)

ROLLBACK;
----
ROLLBACK

SAVEPOINT a; SELECT 1;
----
ERROR: 25P01: SAVEPOINT can only be used in transaction blocks

VACUUM; SELECT 1;
----
ERROR: 25001: VACUUM cannot run inside a transaction block

SELECT id FROM t ORDER BY id;
----
id:integer
1
2
5
8
9
SELECT 5

# What blocks do not take.
BEGIN; VACUUM t;
----
BEGIN
ERROR: 25001: VACUUM cannot run inside a transaction block
(in a failed block)

ROLLBACK; BEGIN; DISCARD ALL;
----
ROLLBACK
BEGIN
ERROR: 25001: DISCARD ALL cannot run inside a transaction block
(in a failed block)

ROLLBACK; BEGIN; CREATE TABLE u (a int);
----
ROLLBACK
BEGIN
CREATE TABLE
(in a block)

ROLLBACK; BEGIN; DROP TABLE t;
----
ROLLBACK
BEGIN
DROP TABLE
(in a block)

ROLLBACK; BEGIN; INSERT INTO t VALUES (12, 12); TRUNCATE t; SELECT count(*) FROM t; ROLLBACK;
----
ROLLBACK
BEGIN
INSERT 0 1
TRUNCATE TABLE
count:bigint
0
SELECT 1
ROLLBACK

SELECT count(*) FROM t;
----
count:bigint
5
SELECT 1

CREATE TABLE u (a int PRIMARY KEY); INSERT INTO u VALUES (1); SELECT * FROM u;
----
CREATE TABLE
INSERT 0 1
a:integer
1
SELECT 1

DROP TABLE u;
----
DROP TABLE

# What they do take.
BEGIN; PREPARE p (int) AS SELECT n FROM t WHERE id = $1; EXECUTE p (1); DEALLOCATE p; EXPLAIN (COSTS off) SELECT 1; ANALYZE t; SHOW work_mem; COMMIT;
----
BEGIN
PREPARE
n:integer
11
SELECT 1
DEALLOCATE
QUERY PLAN:text
Result
EXPLAIN
ANALYZE
work_mem:text
64MB
SHOW
COMMIT

BEGIN; PREPARE p AS INSERT INTO t VALUES (12, 12); EXECUTE p; ROLLBACK; EXECUTE p; DEALLOCATE p; DELETE FROM t WHERE id = 12;
----
BEGIN
PREPARE
INSERT 0 1
ROLLBACK
INSERT 0 1
DEALLOCATE
DELETE 1

# Cursors.
BEGIN; DECLARE c CURSOR FOR SELECT id FROM t ORDER BY id; FETCH c; FETCH 2 FROM c; MOVE 1 IN c; FETCH FORWARD ALL FROM c; FETCH c; MOVE c;
----
BEGIN
DECLARE CURSOR
id:integer
1
FETCH 1
id:integer
2
5
FETCH 2
MOVE 1
id:integer
9
FETCH 1
id:integer
FETCH 0
MOVE 0
(in a block)

FETCH PRIOR c;
----
ERROR: 55000: cursor can only scan forward
(in a failed block)

ROLLBACK; FETCH c;
----
ROLLBACK
ERROR: 34000: cursor "c" does not exist

BEGIN; DECLARE c NO SCROLL CURSOR FOR SELECT id FROM t; DECLARE c CURSOR FOR SELECT 1;
----
BEGIN
DECLARE CURSOR
ERROR: 42P03: cursor "c" already exists
(in a failed block)

ROLLBACK; BEGIN; DECLARE c CURSOR WITH HOLD FOR SELECT 1;
----
ROLLBACK
BEGIN
ERROR: 0A000: a cursor WITH HOLD is not supported
HINT: Declare it without the option, and read it forward in its transaction.
(in a failed block)

ROLLBACK; BEGIN; SAVEPOINT a; DECLARE c CURSOR FOR SELECT 1; ROLLBACK TO a; FETCH c;
----
ROLLBACK
BEGIN
SAVEPOINT
DECLARE CURSOR
ROLLBACK
ERROR: 34000: cursor "c" does not exist
(in a failed block)

ROLLBACK; BEGIN; DECLARE c CURSOR FOR SELECT id FROM t; MOVE ALL c; FETCH 0 c; CLOSE c; CLOSE c;
----
ROLLBACK
BEGIN
DECLARE CURSOR
MOVE 5
id:integer
FETCH 0
CLOSE CURSOR
ERROR: 34000: cursor "c" does not exist
(in a failed block)

ROLLBACK;
----
ROLLBACK

# Other sessions.
SELECT pg_cancel_backend(1);
----
WARNING: 01000: PID 1 is not a PostgreSQL backend process
pg_cancel_backend:boolean
f
SELECT 1

SELECT pg_terminate_backend(1);
----
WARNING: 01000: PID 1 is not a PostgreSQL backend process
pg_terminate_backend:boolean
f
SELECT 1

SELECT pid, usename, datname, state, wait_event, query FROM pg_stat_activity;
----
pid:integer|usename:name|datname:name|state:text|wait_event:text|query:text
42|tester|apus|active|∅|SELECT pid, usename, datname, state, wait_event, query FROM pg_stat_activity;
SELECT 1

BEGIN; SELECT xact_start = now(), query_start >= xact_start FROM pg_stat_activity; COMMIT;
----
BEGIN
?column?:boolean|?column?:boolean
t|t
SELECT 1
COMMIT

# Changes of the catalog are part of transactions.
CREATE TABLE base (id int PRIMARY KEY, v text); INSERT INTO base VALUES (1, 'one'), (2, 'two');
----
CREATE TABLE
INSERT 0 2

BEGIN; CREATE TABLE made (id int PRIMARY KEY, b int REFERENCES base); INSERT INTO made VALUES (1, 1); CREATE INDEX made_b ON made (b); SELECT * FROM made WHERE b = 1; ROLLBACK; SELECT * FROM made;
----
BEGIN
CREATE TABLE
INSERT 0 1
CREATE INDEX
id:integer|b:integer
1|1
SELECT 1
ROLLBACK
ERROR: 42P01: relation "made" does not exist
POSITION: 192

SELECT relname FROM pg_class WHERE relname LIKE 'made%';
----
relname:name
SELECT 0

BEGIN; ALTER TABLE base ADD COLUMN n int; UPDATE base SET n = id; CREATE UNIQUE INDEX base_n ON base (n); SELECT relname FROM pg_class WHERE relname = 'base_n'; SELECT * FROM base ORDER BY id; COMMIT; SELECT * FROM base WHERE n = 2;
----
BEGIN
ALTER TABLE
UPDATE 2
CREATE INDEX
relname:name
base_n
SELECT 1
id:integer|v:text|n:integer
1|one|1
2|two|2
SELECT 2
COMMIT
id:integer|v:text|n:integer
2|two|2
SELECT 1

BEGIN; INSERT INTO base VALUES (4, 'four', 2);
----
BEGIN
ERROR: 23505: duplicate key value violates unique constraint "base_n"
DETAIL: Key (n)=(2) already exists.
(in a failed block)

ROLLBACK; BEGIN; SAVEPOINT a; DROP TABLE base; SELECT * FROM base;
----
ROLLBACK
BEGIN
SAVEPOINT
DROP TABLE
ERROR: 42P01: relation "base" does not exist
POSITION: 62
(in a failed block)

ROLLBACK TO a; SELECT count(*) FROM base; DROP INDEX base_n; INSERT INTO base VALUES (3, 'three', 2); COMMIT; SELECT * FROM base ORDER BY id;
----
ROLLBACK
count:bigint
2
SELECT 1
DROP INDEX
INSERT 0 1
COMMIT
id:integer|v:text|n:integer
1|one|1
2|two|2
3|three|2
SELECT 3

BEGIN; CREATE UNIQUE INDEX base_n ON base (n);
----
BEGIN
ERROR: 23505: could not create unique index "base_n"
DETAIL: Key (n)=(2) is duplicated.
(in a failed block)

ROLLBACK; BEGIN READ ONLY; CREATE TABLE no (id int);
----
ROLLBACK
BEGIN
ERROR: 25006: cannot execute CREATE TABLE in a read-only transaction
(in a failed block)

ROLLBACK; BEGIN; TRUNCATE base; SELECT count(*) FROM base; ROLLBACK; SELECT count(*) FROM base;
----
ROLLBACK
BEGIN
TRUNCATE TABLE
count:bigint
0
SELECT 1
ROLLBACK
count:bigint
3
SELECT 1

# Statements that come together are one transaction.
ROLLBACK;
----
WARNING: 25P01: there is no transaction in progress
ROLLBACK

CREATE TABLE one (id int); CREATE TABLE two (id int); SELECT 1 / 0;
----
CREATE TABLE
CREATE TABLE
ERROR: 22012: division by zero

SELECT relname FROM pg_class WHERE relname IN ('one', 'two');
----
relname:name
SELECT 0

# At a higher level rows may be there that the snapshot is too old for.
BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM base; CREATE INDEX base_v ON base (v);
----
BEGIN
count:bigint
3
SELECT 1
ERROR: 0A000: checking the rows of a table in a transaction whose snapshot may be older than some of them is not supported
HINT: Change the table in a READ COMMITTED transaction, or before the transaction's first query.
(in a failed block)

ROLLBACK;
----
ROLLBACK

# A text that is sent anew has the columns of now.
SELECT * FROM two_columns;
----
ERROR: 42P01: relation "two_columns" does not exist
POSITION: 15

CREATE TABLE two_columns (a int PRIMARY KEY); SELECT * FROM two_columns;
----
CREATE TABLE
a:integer
SELECT 0

PREPARE columns AS SELECT * FROM two_columns; SELECT * FROM two_columns;
----
PREPARE
a:integer
SELECT 0

ALTER TABLE two_columns ADD COLUMN b int;
----
ALTER TABLE

SELECT * FROM two_columns;
----
a:integer|b:integer
SELECT 0

EXECUTE columns;
----
ERROR: 0A000: cached plan must not change result type

