# FOR UPDATE and its kin: what is refused, as PostgreSQL 15 refuses it.
CREATE TABLE t (id int PRIMARY KEY, n int);
----
CREATE TABLE

INSERT INTO t SELECT i, 10 - i FROM generate_series(1, 6) i;
----
INSERT 0 6

SELECT DISTINCT n FROM t FOR UPDATE;
----
ERROR: 0A000: FOR UPDATE is not allowed with DISTINCT clause

SELECT n FROM t GROUP BY n FOR SHARE;
----
ERROR: 0A000: FOR SHARE is not allowed with GROUP BY clause

SELECT count(*) FROM t FOR NO KEY UPDATE;
----
ERROR: 0A000: FOR NO KEY UPDATE is not allowed with aggregate functions

SELECT 1 FROM t HAVING true FOR KEY SHARE;
----
ERROR: 0A000: FOR KEY SHARE is not allowed with HAVING clause

SELECT * FROM t FOR UPDATE OF x;
----
ERROR: 42P01: relation "x" in FOR UPDATE clause not found in FROM clause
POSITION: 31

SELECT * FROM t FOR UPDATE OF public.t;
----
ERROR: 42601: FOR UPDATE must specify unqualified relation names
POSITION: 31

SELECT * FROM t a FOR UPDATE OF t;
----
ERROR: 42P01: relation "t" in FOR UPDATE clause not found in FROM clause
POSITION: 33

SELECT * FROM generate_series(1, 2) g FOR UPDATE OF g;
----
ERROR: 0A000: FOR UPDATE cannot be applied to a function
POSITION: 53

SELECT * FROM generate_series(1, 2) g FOR UPDATE;
----
g:integer
1
2
SELECT 2

SELECT * FROM (SELECT count(*) FROM t) x FOR UPDATE;
----
ERROR: 0A000: FOR UPDATE is not allowed with aggregate functions

VALUES (1) FOR UPDATE;
----
ERROR: 0A000: FOR UPDATE cannot be applied to VALUES

SELECT * FROM (VALUES (1)) v FOR UPDATE;
----
column1:integer
1
SELECT 1

SELECT * FROM (SELECT n FROM t ORDER BY n LIMIT 2) x FOR UPDATE OF x;
----
n:integer
4
5
SELECT 2

SELECT * FROM t WHERE id = 1 FOR UPDATE;
----
id:integer|n:integer
1|9
SELECT 1

SELECT id FROM t ORDER BY n FOR SHARE NOWAIT;
----
id:integer
6
5
4
3
2
1
SELECT 6

SELECT id, n FROM t ORDER BY n LIMIT 2 OFFSET 1 FOR NO KEY UPDATE SKIP LOCKED;
----
id:integer|n:integer
5|5
4|6
SELECT 2

SELECT id FROM t LIMIT 0 FOR UPDATE;
----
id:integer
SELECT 0

EXPLAIN (COSTS off) SELECT id FROM t ORDER BY n LIMIT 1 FOR UPDATE;
----
QUERY PLAN:text
Limit
  ->  LockRows
        ->  Sort
              Sort Key: n
              ->  Seq Scan on t
                    Tablets: 3 of 3
EXPLAIN

EXPLAIN (COSTS off) SELECT id FROM t WHERE id = 1 FOR KEY SHARE;
----
QUERY PLAN:text
LockRows
  ->  Index Scan using t_pkey on t
        Index Cond: (id = 1)
        Tablets: 1 of 3
EXPLAIN

BEGIN; SELECT n FROM t WHERE id = 3 FOR KEY SHARE FOR UPDATE NOWAIT; ROLLBACK;
----
BEGIN
n:integer
7
SELECT 1
ROLLBACK

