# Secondary indexes: their making, what they refuse, and the ways that queries take.
CREATE TABLE t (id int PRIMARY KEY, k int, c text, n numeric);
----
CREATE TABLE

INSERT INTO t VALUES (1, 10, 'a', 1.0), (2, 20, 'b', 2.5), (3, 10, 'c', NULL), (4, NULL, 'd', 1.00), (5, 30, 'E', 7);
----
INSERT 0 5

CREATE INDEX ON t (k);
----
CREATE INDEX

CREATE INDEX ON t (k);
----
CREATE INDEX

CREATE INDEX CONCURRENTLY IF NOT EXISTS t_k_idx ON t (k);
----
NOTICE: 42P07: relation "t_k_idx" already exists, skipping
CREATE INDEX

CREATE INDEX t_k_idx ON t (c);
----
ERROR: 42P07: relation "t_k_idx" already exists

CREATE INDEX t_lower ON t (lower(c), id DESC) INCLUDE (k);
----
CREATE INDEX

CREATE INDEX t_some ON t (c) WHERE k IS NOT NULL;
----
CREATE INDEX

CREATE UNIQUE INDEX t_n ON t (n);
----
ERROR: 23505: could not create unique index "t_n"
DETAIL: Key (n)=(1.00) is duplicated.

UPDATE t SET n = 4 WHERE id = 4;
----
UPDATE 1

CREATE UNIQUE INDEX t_n ON t (n);
----
CREATE INDEX

SELECT * FROM t_k_idx;
----
ERROR: 42809: cannot open relation "t_k_idx"
POSITION: 15
DETAIL: This operation is not supported for indexes.

SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 't' ORDER BY 1;
----
indexname:name|indexdef:text
t_k_idx|CREATE INDEX t_k_idx ON public.t USING lsm (k ASC)
t_k_idx1|CREATE INDEX t_k_idx1 ON public.t USING lsm (k ASC)
t_lower|CREATE INDEX t_lower ON public.t USING lsm (lower(c) ASC, id DESC) INCLUDE (k)
t_n|CREATE UNIQUE INDEX t_n ON public.t USING lsm (n ASC)
t_pkey|CREATE UNIQUE INDEX t_pkey ON public.t USING lsm (id HASH)
t_some|CREATE INDEX t_some ON public.t USING lsm (c ASC) WHERE (k IS NOT NULL)
SELECT 6

EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 10;
----
QUERY PLAN:text
Index Scan using t_k_idx on t
  Index Cond: (k = 10)
  Storage Filter: (k = 10)
  Tablets: 1 of 1
EXPLAIN

SELECT id FROM t WHERE k = 10 ORDER BY id;
----
id:integer
1
3
SELECT 2

EXPLAIN (COSTS OFF) SELECT id, k FROM t WHERE k = 10;
----
QUERY PLAN:text
Index Only Scan using t_k_idx on t
  Index Cond: (k = 10)
  Tablets: 1 of 1
EXPLAIN

EXPLAIN (COSTS OFF) SELECT count(*) FROM t WHERE k BETWEEN 10 AND 20;
----
QUERY PLAN:text
Finalize Aggregate
  ->  Partial Aggregate
        ->  Index Only Scan using t_k_idx on t
              Index Cond: ((k >= 10) AND (k <= 20))
              Storage Filter: ((k >= 10) AND (k <= 20))
              Tablets: 1 of 1
EXPLAIN

SELECT count(*) FROM t WHERE k BETWEEN 10 AND 20;
----
count:bigint
3
SELECT 1

EXPLAIN (COSTS OFF) SELECT c FROM t WHERE k > 10 AND c <> 'b';
----
QUERY PLAN:text
Index Scan using t_k_idx on t
  Index Cond: (k > 10)
  Index Filter: (k > 10)
  Storage Filter: ((k > 10) AND (c <> 'b'::text))
  Tablets: 1 of 1
EXPLAIN

SELECT c FROM t WHERE k > 10 AND c <> 'b';
----
c:text
E
SELECT 1

EXPLAIN (COSTS OFF) SELECT id FROM t WHERE lower(c) = 'e';
----
QUERY PLAN:text
Index Only Scan using t_lower on t
  Index Cond: (lower(c) = 'e'::text)
  Tablets: 1 of 1
EXPLAIN

SELECT id FROM t WHERE lower(c) = 'e';
----
id:integer
5
SELECT 1

EXPLAIN (COSTS OFF) SELECT * FROM t ORDER BY k LIMIT 3;
----
QUERY PLAN:text
Limit
  ->  Index Scan using t_k_idx on t
        Tablets: 1 of 1
EXPLAIN

SELECT * FROM t ORDER BY k LIMIT 3;
----
id:integer|k:integer|c:text|n:numeric
1|10|a|1.0
3|10|c|∅
2|20|b|2.5
SELECT 3

EXPLAIN (COSTS OFF) SELECT k FROM t ORDER BY k LIMIT 2 OFFSET 1;
----
QUERY PLAN:text
Limit
  ->  Index Only Scan using t_k_idx on t
        Tablets: 1 of 1
EXPLAIN

SELECT k FROM t ORDER BY k LIMIT 2 OFFSET 1;
----
k:integer
10
20
SELECT 2

EXPLAIN (COSTS OFF) SELECT * FROM t WHERE c = 'a';
----
QUERY PLAN:text
Seq Scan on t
  Storage Filter: (c = 'a'::text)
  Tablets: 3 of 3
EXPLAIN

EXPLAIN (COSTS OFF) SELECT * FROM t WHERE c = 'a' AND k = 10;
----
QUERY PLAN:text
Index Scan using t_k_idx on t
  Index Cond: (k = 10)
  Storage Filter: ((c = 'a'::text) AND (k = 10))
  Tablets: 1 of 1
EXPLAIN

EXPLAIN (COSTS OFF) SELECT * FROM t WHERE n = 2.5;
----
QUERY PLAN:text
Index Scan using t_n on t
  Index Cond: (n = 2.5)
  Index Filter: (n = 2.5)
  Storage Filter: (n = 2.5)
  Tablets: 1 of 1
EXPLAIN

SELECT * FROM t WHERE n = 2.5;
----
id:integer|k:integer|c:text|n:numeric
2|20|b|2.5
SELECT 1

EXPLAIN (COSTS OFF) SELECT * FROM t WHERE id = 1 AND k = 10;
----
QUERY PLAN:text
Index Scan using t_pkey on t
  Index Cond: (id = 1)
  Storage Filter: (k = 10)
  Tablets: 1 of 3
EXPLAIN

EXPLAIN (COSTS OFF) UPDATE t SET c = 'x' WHERE k = 10;
----
QUERY PLAN:text
Update on t
  ->  Index Scan using t_k_idx on t
        Index Cond: (k = 10)
        Storage Filter: (k = 10)
        Tablets: 1 of 1
EXPLAIN

UPDATE t SET c = 'x' WHERE k = 10 RETURNING id;
----
id:integer
3
1
UPDATE 2

UPDATE t SET k = k + 1 WHERE k < 25 RETURNING id, k;
----
id:integer|k:integer
3|11
2|21
1|11
UPDATE 3

SELECT id, k FROM t WHERE k = 11 ORDER BY id;
----
id:integer|k:integer
1|11
3|11
SELECT 2

DELETE FROM t WHERE k = 30;
----
DELETE 1

SELECT count(*) FROM t WHERE k >= 0;
----
count:bigint
3
SELECT 1

# Unique indexes: NULLs are distinct unless it is said otherwise, and equal numerics are duplicates.
INSERT INTO t VALUES (6, 1, 'f', 2.50);
----
ERROR: 23505: duplicate key value violates unique constraint "t_n"
DETAIL: Key (n)=(2.50) already exists.

INSERT INTO t VALUES (6, 1, 'f', NULL), (7, 1, 'g', NULL);
----
INSERT 0 2

UPDATE t SET n = 1.00 WHERE id = 1;
----
UPDATE 1

UPDATE t SET n = 2.5 WHERE id = 1;
----
ERROR: 23505: duplicate key value violates unique constraint "t_n"
DETAIL: Key (n)=(2.5) already exists.

UPDATE t SET n = n + 1.5 WHERE n < 3 RETURNING id, n;
----
ERROR: 23505: duplicate key value violates unique constraint "t_n"
DETAIL: Key (n)=(4.0) already exists.

CREATE TABLE u (id int PRIMARY KEY, a int, b int, UNIQUE (a, b));
----
CREATE TABLE

INSERT INTO u VALUES (1, 1, 1), (2, 1, NULL), (3, 1, NULL);
----
INSERT 0 3

INSERT INTO u VALUES (4, 1, 1);
----
ERROR: 23505: duplicate key value violates unique constraint "u_a_b_key"
DETAIL: Key (a, b)=(1, 1) already exists.

CREATE UNIQUE INDEX u_a ON u (a) NULLS NOT DISTINCT;
----
ERROR: 23505: could not create unique index "u_a"
DETAIL: Key (a)=(1) is duplicated.

DELETE FROM u WHERE id = 3;
----
DELETE 1

CREATE UNIQUE INDEX u_b ON u (b) NULLS NOT DISTINCT;
----
CREATE INDEX

SELECT indexname FROM pg_indexes WHERE tablename = 'u' ORDER BY 1;
----
indexname:name
u_a_b_key
u_b
u_pkey
SELECT 3

# ON CONFLICT over a unique index.
CREATE TABLE e (id int PRIMARY KEY, mail text UNIQUE, hits int DEFAULT 1, CONSTRAINT e_hits CHECK (hits > 0));
----
CREATE TABLE

INSERT INTO e VALUES (1, 'a@x'), (2, 'b@x');
----
INSERT 0 2

INSERT INTO e VALUES (3, 'a@x');
----
ERROR: 23505: duplicate key value violates unique constraint "e_mail_key"
DETAIL: Key (mail)=(a@x) already exists.

INSERT INTO e VALUES (3, 'a@x'), (4, 'c@x') ON CONFLICT (mail) DO NOTHING;
----
INSERT 0 1

INSERT INTO e VALUES (5, 'a@x', 10), (6, 'd@x', 1) ON CONFLICT (mail) DO UPDATE SET hits = e.hits + excluded.hits RETURNING *;
----
id:integer|mail:text|hits:integer
1|a@x|11
6|d@x|1
INSERT 0 2

INSERT INTO e VALUES (5, 'a@x'), (6, 'a@x') ON CONFLICT (mail) DO UPDATE SET hits = 5;
----
ERROR: 21000: ON CONFLICT DO UPDATE command cannot affect row a second time
HINT: Ensure that no rows proposed for insertion within the same command have duplicate constrained values.

INSERT INTO e VALUES (7, 'z@x'), (8, 'z@x') ON CONFLICT (mail) DO NOTHING;
----
INSERT 0 1

INSERT INTO e VALUES (1, 'new@x'), (9, 'a@x'), (10, 'y@x') ON CONFLICT DO NOTHING;
----
INSERT 0 1

INSERT INTO e VALUES (1, 'new@x') ON CONFLICT (mail) DO NOTHING;
----
ERROR: 23505: duplicate key value violates unique constraint "e_pkey"
DETAIL: Key (id)=(1) already exists.

INSERT INTO e VALUES (11, 'a@x') ON CONFLICT ON CONSTRAINT e_mail_key DO UPDATE SET hits = 0;
----
ERROR: 23514: new row for relation "e" violates check constraint "e_hits"

INSERT INTO e VALUES (1, 'b@x') ON CONFLICT (id) DO UPDATE SET mail = excluded.mail;
----
ERROR: 23505: duplicate key value violates unique constraint "e_mail_key"
DETAIL: Key (mail)=(b@x) already exists.

INSERT INTO e VALUES (12, 'q@x') ON CONFLICT (hits) DO NOTHING;
----
ERROR: 42P10: there is no unique or exclusion constraint matching the ON CONFLICT specification

EXPLAIN (COSTS OFF) INSERT INTO e VALUES (12, 'q@x') ON CONFLICT (mail) DO NOTHING;
----
QUERY PLAN:text
Insert on e
  Conflict Resolution: NOTHING
  Conflict Arbiter Indexes: e_mail_key
  ->  Result
EXPLAIN

SELECT * FROM e ORDER BY id;
----
id:integer|mail:text|hits:integer
1|a@x|11
2|b@x|1
4|c@x|1
6|d@x|1
7|z@x|1
10|y@x|1
SELECT 6

# Sharding and its words.
CREATE INDEX t_hash ON t ((k, c) HASH, n DESC) SPLIT INTO 2 TABLETS;
----
CREATE INDEX

CREATE INDEX t_one ON t (c HASH);
----
CREATE INDEX

CREATE INDEX t_split ON t (k ASC) SPLIT AT VALUES ((10), (20));
----
CREATE INDEX

CREATE INDEX t_bad ON t (k) SPLIT INTO 3 TABLETS;
----
ERROR: 42P16: SPLIT INTO is for hash-sharded indexes
POSITION: 29
HINT: Give the split points with SPLIT AT VALUES.

CREATE INDEX t_bad ON t (k, c HASH);
----
ERROR: 42P16: hashed columns must come first in an index
POSITION: 23

SELECT table_name, sharding, primary_key, tablets FROM sys.tables WHERE table_name LIKE 't\_%' ORDER BY 1;
----
table_name:text|sharding:text|primary_key:text|tablets:bigint
t_hash|hash|(k, c) HASH, n DESC, id ASC|2
t_k_idx|range|k ASC, id ASC|1
t_k_idx1|range|k ASC, id ASC|1
t_lower|range|lower(c) ASC, id DESC, id ASC|1
t_n|range|n ASC, tie ASC|1
t_one|hash|(c) HASH, id ASC|3
t_some|range|c ASC, id ASC|1
t_split|range|k ASC, id ASC|3
SELECT 8

EXPLAIN (COSTS OFF) SELECT * FROM t WHERE k = 11 AND c = 'x';
----
QUERY PLAN:text
Index Only Scan using t_hash on t
  Index Cond: ((k = 11) AND (c = 'x'::text))
  Tablets: 1 of 2
EXPLAIN

# What is refused.
CREATE INDEX ON t (nothing);
----
ERROR: 42703: column "nothing" named in key does not exist
POSITION: 17

CREATE INDEX ON nothing (k);
----
ERROR: 42P01: relation "nothing" does not exist
POSITION: 17

CREATE INDEX ON t ((now()));
----
ERROR: 42P17: functions in index expression must be marked IMMUTABLE
POSITION: 21

CREATE INDEX ON t (k) WHERE random() > 0.5;
----
ERROR: 42P17: functions in index predicate must be marked IMMUTABLE
POSITION: 38

CREATE INDEX ON t (k NULLS FIRST);
----
ERROR: 0A000: NULLS FIRST in this direction is not supported
POSITION: 17
HINT: NULL is greater than every value: last in ascending order, first in descending.

CREATE INDEX ON t USING gin (k);
----
ERROR: 0A000: the index method "gin" is not supported
HINT: Leave it out: an index is ordered, like a btree.

CREATE INDEX ON t (k text_ops);
----
ERROR: 0A000: an operator class is not supported
POSITION: 17

CREATE UNIQUE INDEX t_dup ON t (k);
----
ERROR: 23505: could not create unique index "t_dup"
DETAIL: Key (k)=(1) is duplicated.

CREATE INDEX ON pg_class (oid);
----
ERROR: 42501: permission denied: "pg_catalog.pg_class" is a system view
POSITION: 17

DROP INDEX nothing;
----
ERROR: 42704: index "nothing" does not exist

DROP INDEX IF EXISTS nothing;
----
NOTICE: 00000: index "nothing" does not exist, skipping
DROP INDEX

DROP INDEX t;
----
ERROR: 42809: "t" is not an index
HINT: Use DROP TABLE to remove a table.

DROP INDEX u_a_b_key;
----
ERROR: 2BP01: cannot drop index u_a_b_key because constraint u_a_b_key on table u requires it
HINT: You can drop constraint u_a_b_key on table u instead.

DROP INDEX t_hash, t_one, t_split;
----
DROP INDEX

SELECT indexname FROM pg_indexes WHERE tablename = 't' ORDER BY 1;
----
indexname:name
t_k_idx
t_k_idx1
t_lower
t_n
t_pkey
t_some
SELECT 6

TRUNCATE t;
----
TRUNCATE TABLE

SELECT count(*) FROM t WHERE k > 0;
----
count:bigint
0
SELECT 1

DROP TABLE t, u, e;
----
DROP TABLE

SELECT count(*) FROM pg_indexes;
----
count:bigint
0
SELECT 1

# Locks are on rows, whatever the index has; a transaction sees its own entries.
CREATE TABLE q (id int PRIMARY KEY, k int, done bool);
----
CREATE TABLE

INSERT INTO q VALUES (1, 5, false), (2, 5, false), (3, 6, true);
----
INSERT 0 3

CREATE INDEX q_k ON q (k, id);
----
CREATE INDEX

EXPLAIN (COSTS OFF) SELECT id FROM q WHERE k = 5 FOR UPDATE;
----
QUERY PLAN:text
LockRows
  ->  Index Scan using q_k on q
        Index Cond: (k = 5)
        Storage Filter: (k = 5)
        Tablets: 1 of 1
EXPLAIN

SELECT id FROM q WHERE k = 5 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED;
----
id:integer
1
SELECT 1

BEGIN; UPDATE q SET k = 6 WHERE id = 1; SELECT id FROM q WHERE k = 6 ORDER BY id; ROLLBACK;
----
BEGIN
UPDATE 1
id:integer
1
3
SELECT 2
ROLLBACK

SELECT id FROM q WHERE k = 6;
----
id:integer
3
SELECT 1

BEGIN; CREATE INDEX ON q (done);
----
BEGIN
CREATE INDEX
(in a block)

ROLLBACK;
----
ROLLBACK

SELECT relid FROM pg_stat_progress_create_index;
----
relid:oid
SELECT 0

DROP TABLE q;
----
DROP TABLE

