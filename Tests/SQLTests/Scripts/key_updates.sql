# UPDATE of primary key columns: the rows go to other keys, and what follows from them sees an update.
CREATE TABLE t (id int PRIMARY KEY, code text UNIQUE, v int CHECK (v >= 0));
----
CREATE TABLE

CREATE INDEX t_v ON t (v);
----
CREATE INDEX

INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20), (3, 'c', 30);
----
INSERT 0 3

UPDATE t SET id = 7 WHERE id = 1;
----
UPDATE 1

SELECT * FROM t ORDER BY id;
----
id:integer|code:text|v:integer
2|b|20
3|c|30
7|a|10
SELECT 3

SELECT id FROM t WHERE v = 10;
----
id:integer
7
SELECT 1

SELECT id FROM t WHERE code = 'a';
----
id:integer
7
SELECT 1

UPDATE t SET id = 2 WHERE id = 3;
----
ERROR: 23505: duplicate key value violates unique constraint "t_pkey"
DETAIL: Key (id)=(2) already exists.

# Judged at the end of the statement: 2 becomes 3 while 3 becomes 4.
UPDATE t SET id = id + 1, v = v + 1 WHERE id < 5;
----
UPDATE 2

UPDATE t SET id = 30 WHERE id = 3 RETURNING *;
----
id:integer|code:text|v:integer
30|b|21
UPDATE 1

UPDATE t SET id = 3 WHERE id = 30;
----
UPDATE 1

UPDATE t SET id = 5;
----
ERROR: 23505: duplicate key value violates unique constraint "t_pkey"
DETAIL: Key (id)=(5) already exists.

UPDATE t SET id = NULL WHERE id = 3;
----
ERROR: 23502: null value in column "id" of relation "t" violates not-null constraint

UPDATE t SET id = 9, v = -1 WHERE id = 3;
----
ERROR: 23514: new row for relation "t" violates check constraint "t_v_check"

UPDATE t SET id = id WHERE id = 3;
----
UPDATE 1

SELECT id FROM t WHERE v > 0 ORDER BY id;
----
id:integer
3
4
7
SELECT 3

# Foreign keys: what happens is what ON UPDATE says, never what ON DELETE says.
CREATE TABLE c (id int PRIMARY KEY, t int REFERENCES t ON UPDATE CASCADE ON DELETE SET NULL);
----
CREATE TABLE

CREATE TABLE n (t int PRIMARY KEY REFERENCES t ON UPDATE CASCADE, w int);
----
CREATE TABLE

INSERT INTO c VALUES (1, 3), (2, 4);
----
INSERT 0 2

INSERT INTO n VALUES (4, 1);
----
INSERT 0 1

UPDATE t SET id = id + 100;
----
UPDATE 3

SELECT * FROM c ORDER BY id;
----
id:integer|t:integer
1|103
2|104
SELECT 2

SELECT * FROM n;
----
t:integer|w:integer
104|1
SELECT 1

CREATE TABLE r (id int PRIMARY KEY, t int REFERENCES t);
----
CREATE TABLE

INSERT INTO r VALUES (1, 107);
----
INSERT 0 1

UPDATE t SET id = 1 WHERE id = 107;
----
ERROR: 23503: update or delete on table "t" violates foreign key constraint "r_t_fkey" on table "r"
DETAIL: Key (id)=(107) is still referenced from table "r".

UPDATE r SET id = 2, t = 55;
----
ERROR: 23503: insert or update on table "r" violates foreign key constraint "r_t_fkey"
DETAIL: Key (t)=(55) is not present in table "t".

UPDATE r SET id = 2;
----
UPDATE 1

# A chain within one table.
CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree ON UPDATE CASCADE);
----
CREATE TABLE

INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2), (4, 4);
----
INSERT 0 4

UPDATE tree SET id = id * 10;
----
UPDATE 4

SELECT * FROM tree ORDER BY id;
----
id:integer|up:integer
10|∅
20|10
30|20
40|40
SELECT 4

INSERT INTO t VALUES (103, 'z', 1) ON CONFLICT (id) DO UPDATE SET id = 5;
----
ERROR: 0A000: changing the primary key column "id" in ON CONFLICT DO UPDATE is not supported
POSITION: 67
HINT: Use UPDATE.
